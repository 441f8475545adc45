"""The work of the workflows' steps: ``python -m services.pipeline VERB …``. YAML holds no program."""
