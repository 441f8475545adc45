@production
Feature: Production
  What the canary bore comes to production, whole or not at all.

  Background:
    Given production

  Scenario: Production serves what the canary bore
    Then Argo CD says
      | application         | sync   | health  |
      | birdclef-production | Synced | Healthy |
    And production serves what canary serves
    And these agree on what production serves
      | who                         |
      | the answer at its address   |
      | every ready pod             |
      | its Application             |
      | the registry's tag          |
      | MLflow's alias              |
      | the record of its promotion |

  Scenario: Promoting again changes nothing
    When production is promoted to once more
    Then nothing was changed

  Scenario: No stage is left out
    When "promote-model" is asked for with
      | parameter          | value      |
      | source-environment | staging    |
      | target-environment | production |
      | model-version      | 1          |
    Then the workflow has failed with "canary to production"

  Scenario: Production recognises digits
    When production is asked about 200 digits
    Then at least 90 % of the answers are right
