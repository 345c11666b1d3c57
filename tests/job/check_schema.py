"""check_schema.py SCHEMA FILE...: prints the names of the YAML files that the schema refuses, one a line.

Ends with 77 and the reason where jsonschema or yaml is missing.
"""

import json
import pathlib
import sys

try:
    import jsonschema
    import yaml
except ImportError as error:
    print(error)
    sys.exit(77)

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
for name in sys.argv[2:]:
    with open(name, encoding="utf-8") as file:
        job = yaml.safe_load(file)
    if not validator.is_valid(job):
        print(pathlib.Path(name).name)
