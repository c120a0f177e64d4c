package starter

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
)

// Key is a fresh virtual key. Its text is shown once and stored nowhere.
type Key struct {
	Text string // "bz-" and 52 characters: 256 random bits
	YAML string // the entry for a Gateway's spec.virtualKeys, with the hash of Text
}

// NewKey makes a key for a user. The name of the entry is made from the user.
func NewKey(user string, groups []string) Key {
	raw := make([]byte, 32)
	rand.Read(raw) // never fails (crypto/rand)
	text := "bz-" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))
	digest := sha256.Sum256([]byte(text))
	name := fmt.Sprintf("%s-%x", label(user), digest[:3]) // of the hash: no part of the key itself may stand in Git
	quoted := make([]string, len(groups))
	for i, g := range groups {
		quoted[i] = fmt.Sprintf("%q", g)
	}
	return Key{Text: text, YAML: fmt.Sprintf("    - name: %s\n      sha256: %x\n      user: %q\n      groups: [%s]\n", name, digest, user, strings.Join(quoted, ", "))}
}

// label makes a DNS-1123 label of at most 50 characters.
func label(user string) string {
	user, _, _ = strings.Cut(user, "@")
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		default:
			return '-'
		}
	}, user)
	clean = strings.Trim(clean[:min(len(clean), 50)], "-")
	if clean == "" {
		return "key"
	}
	return clean
}
