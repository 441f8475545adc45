@nightly
Feature: Nightly
  Only looks: what the last run left must still be so in the morning. Nothing is changed or mended here.

  Background:
    Given the site as it is

  Scenario: The machines are what their files say
    Then Terraform would change nothing, and every machine runs

  Scenario: What is on the machines is what the plays say
    Then the plays would change nothing

  Scenario: Kubernetes is well
    Then the API server is ready
    And every machine is a Ready node
    And the registry of the cluster still answers

  Scenario: Argo CD runs what it was asked for
    Then every Application is Synced and Healthy, among them
      | application        |
      | birdclef-platform  |
      | birdclef-training  |
      | birdclef-workflows |

  Scenario Outline: In <environment> all parts run the same image
    Then these say the same of <environment>
      | part        |
      | Application |
      | serves      |
      | pods        |
      | tag         |
      | lock        |

    Examples:
      | environment |
      | staging     |
      | canary      |
      | production  |

  Scenario Outline: MLflow's alias names what <environment> serves
    Then these say the same of <environment>
      | part  |
      | alias |

    Examples:
      | environment |
      | staging     |
      | canary      |
      | production  |

  Scenario Outline: What <environment> serves has proof that counts
    Then these say the same of <environment>
      | part      |
      | evidence  |
      | let in by |

    Examples:
      | environment |
      | staging     |
      | canary      |
      | production  |

  Scenario: No certificate ends soon
    Then every certificate holds for at least 30 days

  Scenario: Disks have room
    Then at least 5 GiB are free here, and on every machine below
      | path                |
      | /                   |
      | /var/lib/containerd |

  Scenario: PostgreSQL is backed up
    Then its newest backup in MinIO is at most 8 hours old and not empty

  Scenario: What people use answers
    Then these answer
      | port          | path               |
      | mlflow        | /health            |
      | minio         | /minio/health/live |
      | minio-console | /                  |
      | staging       | /healthz           |
    And every other environment that is installed answers at "/healthz"
