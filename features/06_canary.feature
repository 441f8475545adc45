@canary
Feature: Canary
  What staging proved comes to the canary, whole or not at all, and is watched there under load.

  Background:
    Given the canary

  Scenario: The canary serves what staging proved
    Then Argo CD says
      | application     | sync   | health  |
      | birdclef-canary | Synced | Healthy |
    And the canary serves what staging serves
    And these agree on what the canary serves
      | who                         |
      | the answer at its address   |
      | every ready pod             |
      | its Application             |
      | the registry's tag          |
      | MLflow's alias              |
      | the record of its promotion |

  Scenario: Promoting again changes nothing
    When the canary is promoted to once more
    Then nothing was changed

  Scenario: The canary bears its soak
    Given the gate "canary"
      | criterion                                            |
      | fail of POST /predict < 1 % at 4 users               |
      | p95 of POST /predict < 100 ms at 4 users             |
      | p95 of POST /predict vs baseline by 100 % at 4 users |
    And its pods are watched by the gate "canary health"
      | criterion                           |
      | restarts of its pods <= 0           |
      | errors that it counts itself <= 1 % |
      | digits recognised >= 90 %           |
    When the canary is soaked under the load "classify"
      | users | seconds |
      | 4     | 60      |
    Then the canary stays
    And MLflow keeps what the soak proved
