Feature: The platform
  What the pipeline stands on: PostgreSQL, MinIO, MLflow and the training services, under Argo CD,
  used as people use it, through the floating address.

  Background:
    Given the platform

  Scenario: Argo CD runs what the working tree says
    Then Argo CD says
      | application        | sync   | health  |
      | birdclef-platform  | Synced | Healthy |
      | birdclef-training  | Synced | Healthy |
      | birdclef-workflows | Synced | Healthy |

  Scenario: Converging again changes nothing
    When the platform has converged on a site that is as it says
    Then nothing was changed
    And every secret is the one that was made first

  Scenario: MLflow keeps a run and its artifact
    When a run with an artifact is logged to MLflow
    Then the same comes back
    And PostgreSQL holds that run as "FINISHED"

  Scenario: MinIO keeps an object
    Then MinIO has the buckets
      | bucket           |
      | birdclef-data    |
      | mlflow-artifacts |
    When an object is put into MinIO
    Then the same comes back

  Scenario: No secret is told to anybody
    Then no secret is in a file of this run or in a log of the platform
