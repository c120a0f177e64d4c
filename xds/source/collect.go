package source

import (
	"fmt"
	"io"
	"path"
	"strings"
)

// Limits of a tree.
const (
	MaxFileBytes  = 1 << 20
	MaxFiles      = 2000
	MaxTotalBytes = 16 << 20

	maxDepth   = 16     // folders below the policy folder
	maxEntries = 20_000 // names looked at, policy files or not
)

// collector gathers the files of one tree within the limits.
type collector struct {
	files   map[string][]byte
	total   int
	entries int
}

func newCollector() *collector { return &collector{files: map[string][]byte{}} }

// skip tells whether a name is no business of ours: hidden files and folders, such as .github with YAML of its own.
func skip(name string) bool { return strings.HasPrefix(name, ".") }

// isPolicy tells whether a name is a policy file's.
func isPolicy(name string) bool {
	ext := path.Ext(name)
	return ext == ".yaml" || ext == ".yml"
}

// mayHide tells whether a link of this name could stand for policies: a policy file or a folder. A README.md could not.
func mayHide(name string) bool { return isPolicy(name) || path.Ext(name) == "" }

// enter counts one name at a depth, from 0.
func (c *collector) enter(name string, depth int) error {
	c.entries++
	if c.entries > maxEntries {
		return &RefusedError{Reason: fmt.Sprintf("more than %d files and folders; give the policies a folder of their own", maxEntries)}
	}
	if depth > maxDepth {
		return &RefusedError{Path: name, Reason: fmt.Sprintf("more than %d folders deep", maxDepth)}
	}
	return nil
}

// add reads one policy file. size is what the file system or the Git object says; the reader is not trusted to keep to it.
func (c *collector) add(name string, size int64, r io.Reader) error {
	if size > MaxFileBytes {
		return tooLarge(name)
	}
	if len(c.files) == MaxFiles {
		return &RefusedError{Path: name, Reason: fmt.Sprintf("more than %d policy files", MaxFiles)}
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxFileBytes+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > MaxFileBytes {
		return tooLarge(name)
	}
	if c.total += len(data); c.total > MaxTotalBytes {
		return &RefusedError{Path: name, Reason: fmt.Sprintf("policy files are more than %d MiB together", MaxTotalBytes>>20)}
	}
	c.files[name] = data
	return nil
}

// tree ends the collection. A folder without policies is refused: it is rather a mistake than the wish to have none.
func (c *collector) tree(commit string) (Tree, error) {
	if len(c.files) == 0 {
		return Tree{}, &RefusedError{Reason: "no *.yaml or *.yml file in it"}
	}
	return Tree{Commit: commit, Files: c.files}, nil
}

func tooLarge(name string) error {
	return &RefusedError{Path: name, Reason: fmt.Sprintf("larger than %d MiB", MaxFileBytes>>20)}
}

func refuseLink(name string) error {
	return &RefusedError{Path: name, Reason: "a symbolic link; put the file itself here"}
}
