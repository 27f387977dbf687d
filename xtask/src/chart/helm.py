"""Installs or uninstalls a chart by Helm's own library: helm install CHART NAMESPACE, helm uninstall NAMESPACE. The cluster is KUBECONFIG's."""
import os
import sys

import helm_python as helm

RELEASE = "koney"
PATIENCE = 300

word, *rest = sys.argv[1:]
namespace = rest[-1]
with helm.Config(kubeconfig_path=os.environ["KUBECONFIG"], namespace=namespace) as cluster:
    if word == "install":
        cluster.install(rest[0], RELEASE, namespace=namespace, create_namespace=True, timeout=PATIENCE)
    else:
        cluster.uninstall(RELEASE, timeout=PATIENCE)
