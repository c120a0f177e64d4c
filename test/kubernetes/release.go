package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bartizan/test/kubernetes/host"
)

const (
	chart   = "charts/bartizan"
	release = "bartizan"
)

//go:embed values.yaml
var values string

// install prepares what the platform engineer brings (a namespace held by Pod Security, credentials) and installs the chart.
func (w *world) install(ctx context.Context) error {
	if err := w.Apply(ctx, brought); err != nil {
		return err
	}
	if _, err := w.Kubectl(ctx, "create", "secret", "generic", "forge", "-n", namespace, "--from-literal=username="+forgeUser,
		"--from-literal=password="+forgePassword, "--from-file="+w.forge.ca); err != nil {
		return err
	}
	file := filepath.Join(w.folder, "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		return err
	}
	began := time.Now()
	if _, err := w.Helm(ctx, "install", release, chart, "-n", namespace, "-f", file, "--wait", "--timeout", "2m"); err != nil {
		return errors.Join(err, w.diagnose(ctx))
	}
	w.say("  installed and ready after %s", time.Since(began).Round(100*time.Millisecond))
	port, err := w.Kubectl(ctx, "-n", namespace, "get", "service", "bartizan-gateway", "-o", "jsonpath={.spec.ports[0].nodePort}")
	if err != nil {
		return err
	}
	w.url = fmt.Sprintf("http://%s:%s", host.Address, port)
	w.load = &load{url: w.url, key: w.key}
	return w.connectReader(ctx)
}

// helmTest runs the chart's own test.
func (w *world) helmTest(ctx context.Context) error {
	out, err := w.Helm(ctx, "test", release, "-n", namespace, "--logs", "--timeout", "2m")
	if err != nil {
		return errors.Join(err, w.diagnose(ctx))
	}
	if _, said, ok := strings.Cut(out, "POD LOGS"); ok {
		w.say("  %s", strings.Join(strings.Fields(strings.TrimSpace(said)), " "))
	}
	return nil
}

// diagnose is an error that shows the release as it stands.
func (w *world) diagnose(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	var shown strings.Builder
	for _, args := range [][]string{
		{"get", "pods,pvc", "-A", "-o", "wide"},
		{"get", "events", "-n", namespace, "--sort-by=.lastTimestamp"},
		{"logs", "-n", namespace, "-l", "app.kubernetes.io/instance=" + release, "--all-containers", "--prefix", "--tail=6", "--ignore-errors"},
	} {
		out, err := w.Kubectl(ctx, args...)
		fmt.Fprintf(&shown, "--- kubectl %s\n%s", strings.Join(args, " "), out)
		if err != nil {
			fmt.Fprintf(&shown, "%v\n", err)
		}
	}
	return errors.New(shown.String())
}

// objects are the kinds that a chart may make, or that follow from them.
const objects = "deployments,statefulsets,daemonsets,replicasets,controllerrevisions,jobs,pods,services,endpointslices,configmaps,secrets,serviceaccounts," +
	"networkpolicies,poddisruptionbudgets,horizontalpodautoscalers,ingresses,roles,rolebindings,clusterroles,clusterrolebindings,persistentvolumeclaims"

// uninstall leaves nothing of the release but claims.
func (w *world) uninstall(ctx context.Context) error {
	if _, err := w.Helm(ctx, "uninstall", release, "-n", namespace, "--wait", "--timeout", "3m"); err != nil {
		return errors.Join(err, w.diagnose(ctx))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("not gone within a minute"))
	defer cancel()
	var left []string
	var claims int
	err := w.Await(ctx, "the release's objects to be gone", func() bool {
		out, err := w.Kubectl(ctx, "get", objects, "-A", "-l", "app.kubernetes.io/instance="+release, "-o", "name")
		if err != nil {
			return false
		}
		left, claims = nil, 0
		for _, name := range strings.Fields(out) {
			if strings.HasPrefix(name, "persistentvolumeclaim/") {
				claims++
			} else {
				left = append(left, name)
			}
		}
		return len(left) == 0
	})
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.Join(left, ", "))
	}
	w.say("  %d claims are left, and nothing else", claims)
	return expect("claims", claims, servers)
}

// brought is what a platform engineer brings.
const brought = `
apiVersion: v1
kind: Namespace
metadata:
  name: ` + namespace + `
  labels: {pod-security.kubernetes.io/enforce: restricted}
---
apiVersion: v1
kind: Secret
metadata: {name: vendors, namespace: ` + namespace + `}
stringData: {anthropic-key: ` + anthropicKey + `, openai-key: ` + openAIKey + `, warehouse-token: ` + warehouseToken + `}
`
