package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"bartizan/test/authority"
	"bartizan/test/kubernetes/host"
)

// user is who a component is to the API server, by a token.
type user struct{ Name, UID, Groups, Token string }

// users by the name of their kubeconfig.
func users() map[string]user {
	return map[string]user{
		"admin":      {"admin", "admin", "system:masters", rand.Text()},
		"kubelet":    {"system:node:node1", "kubelet", "system:nodes", rand.Text()},
		"controller": {"system:kube-controller-manager", "controller", "", rand.Text()},
		"scheduler":  {"system:kube-scheduler", "scheduler", "", rand.Text()},
		"proxy":      {"system:kube-proxy", "proxy", "", rand.Text()},
	}
}

var kubeconfig = template.Must(template.New("").Parse(`apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://{{.Address}}:6443", certificate-authority: {{.CA}}}}]
users: [{name: test, user: {token: "{{.Token}}"}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
current-context: test
`))

// writeIdentities writes the API server's certificate, the key that signs tokens of service accounts, and everybody's token.
func (c *Cluster) writeIdentities() error {
	ca, err := authority.New()
	if err != nil {
		return err
	}
	if err := ca.Issue(c.path("api"), "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		apiServiceIP, host.Address, "127.0.0.1"); err != nil {
		return err
	}
	if err := c.writeAccountKey(); err != nil {
		return err
	}
	var tokens strings.Builder
	for name, u := range users() {
		tokens.WriteString(strings.Join([]string{u.Token, u.Name, u.UID, u.Groups}, ",") + "\n")
		var config strings.Builder
		if err := kubeconfig.Execute(&config, map[string]string{"Address": host.Address, "CA": c.path("api/ca.crt"), "Token": u.Token}); err != nil {
			return err
		}
		if err := os.WriteFile(c.path(name+".conf"), []byte(config.String()), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(c.path("tokens.csv"), []byte(tokens.String()), 0o600)
}

// writeAccountKey writes the key in the one form that the API server takes for an elliptic curve.
func (c *Cluster) writeAccountKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(c.path("accounts.key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

func (c *Cluster) path(name string) string { return filepath.Join(c.dir, name) }
