@hostile
Feature: Hostile days
  Parts of the site fall silent and programs are killed while production changes, for real. It ends all new or
  all old, nobody who calls it notices, and the next command goes on from there.

  Background:
    Given production, with another version that was good there

  Scenario Outline: <part> is silent for a minute
    When production changes to the other version, and <part> is silent for 60 seconds
    Then production is all new or all old
    And no caller of production saw a failure

    Examples:
      | part           |
      | the registry   |
      | MLflow         |
      | git            |
      | the API server |

  Scenario Outline: The harness is killed <moment>
    When production changes to the other version, and the harness is killed <moment>
    Then production is all new or all old
    And no caller of production saw a failure
    And the same command again brings production to the other version

    Examples:
      | moment                                           |
      | as soon as it holds production                   |
      | as soon as production points at the other version |

  Scenario: The workflow's pod is killed
    When production changes to the other version, and the pod that does it is killed
    Then production is all new or all old
    And no caller of production saw a failure
