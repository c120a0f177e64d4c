package oci

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T) (archive []byte) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("hello"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "image.tar")
	err := Write(file, Image{Name: "registry.test/a:1", Files: map[string]string{"/bin/a": program, "/etc/b": program}, Folders: []string{"/tmp"}, Entrypoint: []string{"/bin/a"}})
	if err != nil {
		t.Fatal(err)
	}
	archive, err = os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

func read(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	files := map[string]string{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		} else if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(content)
		if strings.HasPrefix(h.Name, "bin/") && h.Mode != 0o755 {
			t.Errorf("%s has mode %o: another user runs it", h.Name, h.Mode)
		}
	}
}

// TestWrite follows the descriptors from the index to the layer, as an importer does.
func TestWrite(t *testing.T) {
	archive := write(t)
	if again := write(t); !bytes.Equal(archive, again) {
		t.Error("equal files make different archives")
	}
	files := read(t, archive)
	type descriptor struct {
		Digest      string
		Size        int
		Annotations map[string]string
	}
	blob := func(d descriptor) string {
		content := files["blobs/sha256/"+strings.TrimPrefix(d.Digest, "sha256:")]
		if len(content) == 0 || len(content) != d.Size {
			t.Fatalf("%+v names %d bytes", d, len(content))
		}
		return content
	}
	var index struct{ Manifests []descriptor }
	if err := json.Unmarshal([]byte(files["index.json"]), &index); err != nil || len(index.Manifests) != 1 {
		t.Fatalf("%s: %v", files["index.json"], err)
	}
	if name := index.Manifests[0].Annotations["io.containerd.image.name"]; name != "registry.test/a:1" {
		t.Errorf("the image is called %q", name)
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	if err := json.Unmarshal([]byte(blob(index.Manifests[0])), &manifest); err != nil || len(manifest.Layers) != 1 {
		t.Fatalf("%+v: %v", manifest, err)
	}
	if config := blob(manifest.Config); !strings.Contains(config, `"User":"65532:65532"`) || !strings.Contains(config, manifest.Layers[0].Digest) {
		t.Errorf("config %s", config)
	}
	layer := read(t, []byte(blob(manifest.Layers[0])))
	if layer["bin/a"] != "hello" || layer["etc/b"] != "hello" {
		t.Errorf("layer %q", layer)
	}
	if _, ok := layer["tmp/"]; !ok {
		t.Errorf("no /tmp in %q", layer)
	}
}
