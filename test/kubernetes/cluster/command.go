package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Kubectl runs kubectl as the cluster's administrator and returns what it prints.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.output(ctx, "", "kubectl", args...)
}

// Helm runs helm as the cluster's administrator and returns what it prints.
func (c *Cluster) Helm(ctx context.Context, args ...string) (string, error) {
	return c.output(ctx, "", "helm", args...)
}

// Apply creates or changes the objects of manifests (YAML).
func (c *Cluster) Apply(ctx context.Context, manifests string) error {
	return c.command(ctx, manifests, "kubectl", "apply", "-f", "-")
}

// Get reads objects into a Go value, as kubectl get -o json gives them.
func (c *Cluster) Get(ctx context.Context, into any, args ...string) error {
	out, err := c.Kubectl(ctx, append([]string{"get", "-o", "json"}, args...)...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		return fmt.Errorf("read kubectl get %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

func (c *Cluster) command(ctx context.Context, stdin, name string, args ...string) error {
	_, err := c.output(ctx, stdin, name, args...)
	return err
}

// output runs a program and returns its standard output; its standard error is part of the error.
func (c *Cluster) output(ctx context.Context, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.path("admin.conf"), "HOME="+c.dir)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}
