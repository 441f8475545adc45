@staging
Feature: Staging
  The model's image runs under Argo CD, serves what was built, and is fast enough under load.

  Background:
    Given staging

  Scenario: Staging serves what was built
    Then Argo CD says
      | application      | sync   | health  |
      | birdclef-staging | Synced | Healthy |
    And staging serves the digest that was built
    And every pod of staging runs that digest
    And staging serves the model version with MLflow's alias "staging"

  Scenario: Converging again changes nothing
    When staging has converged on a site that is as it says
    Then nothing was changed

  Scenario: Staging stands on sound infrastructure
    Given the gate "infrastructure"
      | criterion                                            |
      | key: nodes ready >= 3                                |
      | nodes not ready = 0                                  |
      | Terraform changes = 0                                |
      | Ansible changes = 0                                  |
      | Application birdclef-platform is Synced and Healthy  |
      | Application birdclef-workflows is Synced and Healthy |
      | Application birdclef-staging is Synced and Healthy   |
    When the infrastructure below staging is looked at
    Then the gate "infrastructure" passes
    And MLflow keeps the evidence of "infrastructure"

  Scenario: Staging recognises digits
    When staging is asked about 200 digits
    Then at least 90 % of the answers are right

  Scenario: Staging is fast enough
    Given the gate "staging"
      | criterion                                          |
      | p95 of POST /predict < 30 ms at 1 users            |
      | fail of POST /predict < 1 % at 8 users             |
      | watch: p99 of POST /predict < 100 ms at 8 users    |
    When staging is put under the load "classify"
      | users | seconds |
      | 1     | 30      |
      | 8     | 30      |
    Then the gate passes
    And MLflow keeps its evidence
