"""Proof in a cluster: a real API server, scheduler and controllers, and what strikes them.

    sudo python -m benchmarks.cluster [--batches N] [--nodes N] [--cases N] [--minutes M]
                                         [--seed S] [--json] [--keep]

etcd, kube-apiserver, kube-scheduler and kube-controller-manager are the real ones, as processes on
127.0.0.1; the manifests of deploy/kubernetes are applied to them. Only the nodes are the test's own
(`node.py`): where a kubelet would start containers, they start processes. An undisturbed run on one
machine comes first, and what it makes is the reference. Then batches are uploaded, and a pod is
killed, one is evicted, a host is lost with all that runs there, API server and daemon are
restarted. The exit status is 1 when a batch is lost, other than undisturbed, or reported twice,
when a roll-up over them failed, when a run that waits for room counts as lost or one that will
never begin does not, and when an account may do what it must not.
"""
