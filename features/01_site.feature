Feature: Site
  Terraform makes three machines, their network, a floating address and a data volume.

  Background:
    Given the site

  Scenario: The site is what its files say
    Then a second plan is empty

  Scenario: Every machine is where the inventory means it to be
    Then the machines answer at
      | machine | address      |
      | node1   | 192.168.1.11 |
      | node2   | 192.168.1.12 |
      | node3   | 192.168.1.13 |

  Scenario: The outputs tell how to reach the site
    Then Terraform's outputs name the floating address, the machines and the volume
