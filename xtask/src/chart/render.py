"""Renders a chart by Helm's own library. In: {"chart", "name", "namespace", "values"} as JSON. Out: {"findings", "files"}."""
import json
import sys

import helm_python as helm

asked = json.load(sys.stdin)
report = helm.lint(asked["chart"], asked["values"], strict=True, namespace=asked["namespace"], kube_version="v1.28.0")
findings = [finding["error"] for finding in report["messages"] if finding["severity"] > 1] + report["errors"]
with helm.Chart.load(asked["chart"]) as chart:
    chart.validate_schema(asked["values"])
    files = chart.render(asked["values"], name=asked["name"], namespace=asked["namespace"], is_install=True)
json.dump({"findings": findings, "files": files}, sys.stdout)
