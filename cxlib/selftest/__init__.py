"""What the gate's self-test runs in processes of their own: a small service, and users who do nothing."""
