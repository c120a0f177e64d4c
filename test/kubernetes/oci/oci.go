// Package oci writes container images as OCI archives, without a registry and without a container tool.
//
// An image is one layer of files of this machine. Equal files make equal bytes: names are sorted, times and owners are zero. It
// promises what `ctr images import` reads (OCI image layout in a tar, with the image's name as an annotation). It compresses
// nothing: the archives are imported on the machine that they are made on. Errors name the image. Calls are independent of each other.
package oci

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// Image is what an image is made of.
type Image struct {
	Name       string            // such as registry.test/bartizan:1
	Files      map[string]string // path in the image → path on this machine; the mode is kept, links are followed
	Folders    []string          // made with mode 1777
	Entrypoint []string
	Env        []string
	User       string // uid:gid; empty: 65532:65532, the nonroot of distroless images
}

// Write writes the archive to file.
func Write(file string, i Image) error {
	if err := i.write(file); err != nil {
		return fmt.Errorf("write image %s: %w", i.Name, err)
	}
	return nil
}

func (i Image) write(file string) (err error) {
	layer, err := i.layer(file + ".layer")
	if err != nil {
		return err
	}
	defer os.Remove(file + ".layer")
	user := i.User
	if user == "" {
		user = "65532:65532"
	}
	config := blob("config.v1+json", object{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": object{"Entrypoint": i.Entrypoint, "Env": i.Env, "User": user},
		"rootfs": object{"type": "layers", "diff_ids": []string{"sha256:" + layer.digest}},
	})
	manifest := blob("manifest.v1+json", object{
		"schemaVersion": 2, "mediaType": mediaType + "manifest.v1+json", "config": config.descriptor(), "layers": []object{layer.descriptor()},
	})
	named := manifest.descriptor()
	named["annotations"] = object{"io.containerd.image.name": i.Name}
	index := blob("index.v1+json", object{"schemaVersion": 2, "manifests": []object{named}})

	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := tar.NewWriter(out)
	for _, b := range []part{layer, config, manifest} {
		if err := b.add(w, "blobs/sha256/"+b.digest); err != nil {
			return err
		}
	}
	if err := index.add(w, "index.json"); err != nil {
		return err
	}
	if err := (part{content: []byte(`{"imageLayoutVersion":"1.0.0"}`)}).add(w, "oci-layout"); err != nil {
		return err
	}
	return w.Close()
}

const mediaType = "application/vnd.oci.image."

type object = map[string]any

// part is a blob of the archive: in memory, or, for the layer, in a file.
type part struct {
	mediaType, digest string
	content           []byte
	file              string
	size              int64
}

func blob(kind string, v any) part {
	content, err := json.Marshal(v)
	if err != nil {
		panic(err) // objects of strings and numbers
	}
	sum := sha256.Sum256(content)
	return part{mediaType: mediaType + kind, digest: hex.EncodeToString(sum[:]), content: content}
}

func (p part) descriptor() object {
	return object{"mediaType": p.mediaType, "digest": "sha256:" + p.digest, "size": max(p.size, int64(len(p.content)))}
}

func (p part) add(w *tar.Writer, name string) error {
	if p.file != "" {
		return addFile(w, name, p.file)
	}
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(p.content)), Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	_, err := w.Write(p.content)
	return err
}

// layer writes the files into a tar and takes its digest on the way.
func (i Image) layer(file string) (p part, err error) {
	out, err := os.Create(file)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	sum := sha256.New()
	w := tar.NewWriter(io.MultiWriter(out, sum))
	for _, folder := range i.Folders {
		if err := w.WriteHeader(&tar.Header{Name: relative(folder) + "/", Mode: 0o1777, Typeflag: tar.TypeDir}); err != nil {
			return p, err
		}
	}
	names := make([]string, 0, len(i.Files))
	for name := range i.Files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := addFile(w, relative(name), i.Files[name]); err != nil {
			return p, err
		}
	}
	if err := w.Close(); err != nil {
		return p, err
	}
	size, err := out.Seek(0, io.SeekCurrent)
	return part{mediaType: mediaType + "layer.v1.tar", digest: hex.EncodeToString(sum.Sum(nil)), file: file, size: size}, err
}

func relative(name string) string { return strings.TrimPrefix(path.Clean(name), "/") }

func addFile(w *tar.Writer, name, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	mode := int64(0o644)
	if info.Mode()&0o100 != 0 {
		mode = 0o755 // the image's user is not the owner of the file
	}
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: info.Size(), Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// library is a line of ldd: `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)`, or the loader's, which is a path alone.
var library = regexp.MustCompile(`(?m)^\s*(?:\S+ => )?(/\S+) \(0x`)

// WithLibraries adds the shared libraries of programs of this machine, at the paths where they are found here.
func (i Image) WithLibraries(programs ...string) (Image, error) {
	files := map[string]string{}
	for name, file := range i.Files {
		files[name] = file
	}
	for _, program := range programs {
		out, err := exec.Command("ldd", program).CombinedOutput()
		if err != nil {
			return i, fmt.Errorf("find the libraries of %s: %w\n%s", program, err, out)
		}
		for _, found := range library.FindAllStringSubmatch(string(out), -1) {
			files[found[1]] = found[1]
		}
	}
	i.Files = files
	return i, nil
}
