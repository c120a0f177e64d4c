package cluster

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"bartizan/test/env"
	"bartizan/test/kubernetes/host"
)

// Options say what a cluster is made of.
type Options struct {
	Dir      string // is made; short
	Programs string // the folder that Build returned
	Images   string // folder of OCI archives; registry.test/pause:1 and registry.test/coredns:1 are among them
	Cgroup   string // of the room
	Volumes  int    // how many claims can be bound
}

// Cluster is a running cluster of one node.
type Cluster struct {
	dir       string
	options   Options
	processes []*env.Process
	names     []string
}

const (
	apiServiceIP = "10.96.0.1"
	containerd   = "unix:///run/containerd/containerd.sock"
)

//go:embed config
var configs embed.FS

// Start returns when pods can run and find each other by name.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	c := &Cluster{dir: o.Dir, options: o}
	for _, step := range []func(context.Context) error{c.prepare, c.controlPlane, c.node, c.furnish} {
		if err := step(ctx); err != nil {
			return c, err
		}
	}
	return c, nil
}

// prepare writes every file that a component reads.
func (c *Cluster) prepare(context.Context) error {
	// The programs are links of one binary: it looks at the name that it is called by. PATH is also for what containerd calls.
	if err := os.Setenv("PATH", c.options.Programs+":/usr/sbin:/sbin:/usr/bin:/bin"); err != nil {
		return err
	}
	if err := os.MkdirAll(c.path("cni"), 0o700); err != nil {
		return err
	}
	if err := c.writeIdentities(); err != nil {
		return err
	}
	for source, target := range map[string]string{"containerd.toml": "containerd.toml", "cni.conflist": "cni/10-pods.conflist", "kubelet.yaml": "kubelet.yaml", "proxy.yaml": "proxy.yaml"} {
		t, err := template.ParseFS(configs, "config/"+source)
		if err != nil {
			return err
		}
		var out bytes.Buffer
		values := map[string]string{"Bin": c.options.Programs, "Dir": c.dir, "Cgroup": c.options.Cgroup, "Address": host.Address}
		if err := t.Execute(&out, values); err != nil {
			return err
		}
		if err := os.WriteFile(c.path(target), out.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) controlPlane(ctx context.Context) error {
	if err := c.run("containerd", "--config", c.path("containerd.toml")); err != nil {
		return err
	}
	if err := c.run("etcd", "--data-dir", c.path("etcd"), "--unsafe-no-fsync",
		"--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379",
		"--listen-peer-urls", "http://127.0.0.1:2380", "--initial-advertise-peer-urls", "http://127.0.0.1:2380",
		"--initial-cluster", "default=http://127.0.0.1:2380"); err != nil {
		return err
	}
	if err := c.run("kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", "--secure-port=6443", "--advertise-address="+host.Address,
		"--tls-cert-file="+c.path("api/tls.crt"), "--tls-private-key-file="+c.path("api/tls.key"), "--client-ca-file="+c.path("api/ca.crt"), "--cert-dir=/run/api",
		"--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--token-auth-file="+c.path("tokens.csv"), "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+c.path("accounts.key"), "--service-account-signing-key-file="+c.path("accounts.key"),
		"--allow-privileged", "--kubelet-preferred-address-types=InternalIP"); err != nil { // else logs and exec look for node1 in DNS
		return err
	}
	if err := c.importImages(ctx); err != nil {
		return err
	}
	return c.Await(ctx, "the API server to be ready", func() bool {
		_, err := c.Kubectl(ctx, "get", "--raw", "/readyz")
		return err == nil
	})
}

func (c *Cluster) importImages(ctx context.Context) error {
	if err := c.Await(ctx, "containerd to answer", func() bool { return c.command(ctx, "", "ctr", "-a", socketPath, "version") == nil }); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(c.options.Images, "*.tar"))
	for _, archive := range archives {
		err = errors.Join(err, c.command(ctx, "", "ctr", "-a", socketPath, "-n", "k8s.io", "images", "import", archive))
	}
	return err
}

var socketPath = strings.TrimPrefix(containerd, "unix://")

func (c *Cluster) node(ctx context.Context) error {
	manager := c.path("controller.conf")
	if err := c.run("kube-controller-manager", "--kubeconfig="+manager, "--authentication-kubeconfig="+manager, "--authorization-kubeconfig="+manager,
		"--service-account-private-key-file="+c.path("accounts.key"), "--root-ca-file="+c.path("api/ca.crt"), "--use-service-account-credentials",
		"--leader-elect=false", "--bind-address=127.0.0.1", "--cert-dir=/run/controller"); err != nil {
		return err
	}
	scheduler := c.path("scheduler.conf")
	if err := c.run("kube-scheduler", "--kubeconfig="+scheduler, "--authentication-kubeconfig="+scheduler, "--authorization-kubeconfig="+scheduler,
		"--leader-elect=false", "--bind-address=127.0.0.1", "--cert-dir=/run/scheduler"); err != nil {
		return err
	}
	if err := c.run("kubelet", "--config="+c.path("kubelet.yaml"), "--kubeconfig="+c.path("kubelet.conf"),
		"--hostname-override=node1", "--node-ip="+host.Address, "--cert-dir=/run/kubelet"); err != nil {
		return err
	}
	if err := c.run("kube-proxy", "--config="+c.path("proxy.yaml")); err != nil {
		return err
	}
	return c.Await(ctx, "the node to be ready", func() bool {
		out, err := c.Kubectl(ctx, "get", "node", "node1", "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		return err == nil && out == "True"
	})
}

// furnish adds what a cluster usually has: names, and volumes for claims.
func (c *Cluster) furnish(ctx context.Context) error {
	names, err := configs.ReadFile("config/coredns.yaml")
	if err != nil {
		return err
	}
	manifests := string(names)
	for i := range c.options.Volumes {
		folder := fmt.Sprintf("/var/lib/volumes/%d", i)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		manifests += fmt.Sprintf(volume, i, folder)
	}
	if err := c.Apply(ctx, manifests); err != nil {
		return err
	}
	_, err = c.Kubectl(ctx, "-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=60s")
	return err
}

// volume is a folder of the node. Of the type local, and not hostPath, so that fsGroup is heeded.
const volume = `---
apiVersion: v1
kind: PersistentVolume
metadata: {name: volume-%d}
spec:
  capacity: {storage: 1Ti}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  local: {path: %s}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node1]}]}]}}
`

func (c *Cluster) run(name string, args ...string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	p, err := env.Run(name, path, nil, args...)
	if err == nil {
		c.processes, c.names = append(c.processes, p), append(c.names, name)
	}
	return err
}

// Alive is an error if a component has ended.
func (c *Cluster) Alive() error {
	for i, p := range c.processes {
		select {
		case <-p.Done():
			return fmt.Errorf("%s has ended", c.names[i])
		default:
		}
	}
	return nil
}

// Logs is what the components have written, up to max bytes of each, the newest.
func (c *Cluster) Logs(max int) string {
	var logs strings.Builder
	for i, p := range c.processes {
		out := p.Output()
		fmt.Fprintf(&logs, "--- %s\n%s\n", c.names[i], out[len(out)-min(max, len(out)):])
	}
	return logs.String()
}

// Await polls until done says true, a component ends, or ctx does.
func (c *Cluster) Await(ctx context.Context, what string, done func() bool) error {
	for !done() {
		if err := c.Alive(); err != nil {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}
