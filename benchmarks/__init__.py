"""What we promise, measured: ``python -m benchmarks [NAME…]``. Not part of the tests."""
