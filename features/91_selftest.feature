@selftest
Feature: Self-test
  The load gate closes on each fault that it is there for, and opens without one. Needs no site.

  Scenario: The gate tells good from bad
    When the gate is put to the test on a small service
    Then it said
      | what was done                            | verdict      |
      | nothing                                  | PASS         |
      | 400 ms more for every answer             | FAIL         |
      | 503 in place of every 20th answer        | FAIL         |
      | every 20th answer a reset connection     | FAIL         |
      | no answer for 2 s                        | FAIL         |
      | two requests a second, for 6 s           | INCONCLUSIVE |
      | users who send nothing                   | INVALID      |
      | the generator killed in the run          | INVALID      |
      | another model answers from the middle on | INVALID      |
