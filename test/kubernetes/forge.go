package main

import (
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"

	"bartizan/test/authority"
	"bartizan/test/env"
)

// The forge: a Git server in the cluster, with a certificate of a private authority, and a user.
const (
	forgeHost     = "git.forge"
	forgeURL      = "https://" + forgeHost + "/policies.git"
	forgeUser     = "robot"
	forgePassword = "correct-horse"
)

//go:embed git.yaml
var gitServer string

// forge is a policy repository: a clone of ours, and the server that we push to.
type forge struct {
	*env.Repo
	ca string // file
}

// startForge starts the server and pushes the first commit.
func (w *world) startForge(ctx context.Context, files map[string]string) error {
	dir := filepath.Join(w.folder, "forge-tls")
	ca, err := authority.New()
	if err != nil {
		return err
	}
	if err := ca.Issue(dir, forgeHost); err != nil {
		return err
	}
	cert, err := os.ReadFile(filepath.Join(dir, "tls.crt"))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(dir, "tls.key"))
	if err != nil {
		return err
	}
	var manifests strings.Builder
	err = template.Must(template.New("git").Parse(gitServer)).Execute(&manifests, map[string]string{
		"User": forgeUser, "Password": forgePassword, "Cert": base64.StdEncoding.EncodeToString(cert), "Key": base64.StdEncoding.EncodeToString(key),
	})
	if err != nil {
		return err
	}
	if err := w.Apply(ctx, manifests.String()); err != nil {
		return err
	}
	if _, err := w.Kubectl(ctx, "-n", "forge", "rollout", "status", "deployment/git", "--timeout=60s"); err != nil {
		return err
	}
	w.forge.ca = filepath.Join(dir, "ca.crt")
	if w.forge.Repo, err = env.NewRepo(filepath.Join(w.folder, "policies"), files); err != nil {
		return err
	}
	return w.forge.push(ctx)
}

// commit writes, commits and pushes. An empty content removes the file.
func (f *forge) commit(ctx context.Context, message string, files map[string]string) (string, error) {
	commit, err := f.Commit(message, files)
	if err != nil {
		return "", err
	}
	return commit, f.push(ctx)
}

func (f *forge) push(ctx context.Context) error {
	url := strings.Replace(forgeURL, "https://", "https://"+forgeUser+":"+forgePassword+"@", 1)
	cmd := exec.CommandContext(ctx, "git", "-C", f.Dir, "push", "--quiet", url, "main")
	cmd.Env = append(os.Environ(), "GIT_SSL_CAINFO="+f.ca) // stands above the configuration of this machine
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git push: %w\n%s", err, out)
	}
	return nil
}
