@teardown
Feature: Teardown
  Terraform takes the site down and leaves nothing of it on the machine.

  Scenario: Nothing is left
    When the site is taken down
    Then no container, network or volume of it is left
    And no route or firewall rule of it is left
