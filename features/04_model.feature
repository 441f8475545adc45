Feature: The model
  Trained, evaluated, registered and built into an image by Argo Workflows; once for the same inputs.

  Background:
    Given the model

  Scenario: The workflows succeeded
    Then these workflows succeeded for it
      | template      |
      | build-initial |
      | train-model   |

  Scenario: Converging again changes nothing
    When the model has converged on a site that is as it says
    Then nothing was changed

  @staging
  Scenario: The model is good enough and small enough
    Given the gate "model"
      | criterion                         |
      | key: accuracy >= 0.9              |
      | accuracy vs incumbent by 3 %      |
      | evaluation samples >= 300         |
      | size <= 250 MB                    |
    When the model is judged by what MLflow has of it
    Then the gate "model" passes
    And MLflow keeps the evidence of "model"

  Scenario: The image that was built is in the registry
    Then the registry has the images
      | tag               |
      | staging-1.0.0     |
      | canary-1.0.0      |
      | production-1.0.0  |
    And the tag of the model's image points at the digest that was built

  Scenario: A workflow may do what it must and no more
    Then every workflow template has a service account of its own
    And none of them is cluster-admin
    And the cluster answers about them
      | account                | verb  | group       | resource     | namespace         | name               | allowed |
      | deploy-container-image | patch | argoproj.io | applications | argocd            | birdclef-staging   | yes     |
      | deploy-container-image | patch | argoproj.io | applications | argocd            | birdclef-platform  | no      |
      | deploy-container-image | delete| argoproj.io | applications | argocd            | birdclef-staging   | no      |
      | deploy-container-image | get   |             | secrets      | birdclef-platform | minio-credentials  | no      |
      | deploy-container-image | create|             | pods         | birdclef-staging  |                    | no      |
      | deploy-container-image | patch | argoproj.io | applications | argocd            | birdclef-canary    | no      |
      | promote-model          | patch | argoproj.io | applications | argocd            | birdclef-production| yes     |
      | promote-model          | get   | argoproj.io | applications | argocd            | birdclef-staging   | yes     |
      | promote-model          | patch | argoproj.io | applications | argocd            | birdclef-staging   | no      |
      | promote-model          | get   |             | configmaps   | argo              | cx-trust           | yes     |
      | promote-model          | patch |             | configmaps   | argo              | cx-trust           | no      |
      | promote-model          | get   |             | secrets      | argo              |                    | no      |
      | rollback-model         | patch | argoproj.io | applications | argocd            | birdclef-canary    | yes     |
      | rollback-model         | patch | argoproj.io | applications | argocd            | birdclef-staging   | no      |
      | train-model            | patch | argoproj.io | applications | argocd            | birdclef-staging   | no      |
      | build-container-image  | patch | argoproj.io | applications | argocd            | birdclef-staging   | no      |
      | build-initial          | get   |             | secrets      | argo              |                    | no      |

  Scenario: A training that cannot be done fails its workflow and says why
    When "train-model" is asked for with
      | parameter   | value          |
      | model-name  | no-such-model  |
      | data-source | train          |
    Then the workflow has failed with "'no-such-model' is not offered"
