package source

import (
	"errors"
	"strings"
	"testing"
)

// TestFileThatGrows: what a file says of its size before it is read is not believed.
func TestFileThatGrows(t *testing.T) {
	err := newCollector().add("a.yaml", 1, strings.NewReader(strings.Repeat("x", MaxFileBytes+1)))
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Path != "a.yaml" {
		t.Errorf("got %v", err)
	}
}
