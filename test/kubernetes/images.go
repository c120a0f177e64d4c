package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"bartizan/envoy"
	"bartizan/test/kubernetes/oci"
)

// registry begins the names of the images, as values and manifests give them. It does not exist: nothing is pulled, since no tag is latest.
const registry = "registry.test/"

// built are the programs of this checkout that run in pods.
var built = map[string]string{
	"bartizan":    ".",
	"probe":       "./test/kubernetes/probe",
	"nats-server": "github.com/nats-io/nats-server/v2",
	"pause":       "./test/kubernetes/image/pause",
	"gitd":        "./test/kubernetes/image/gitd",
}

// writeImages builds every program that runs in a pod into dir/bin, and writes its image into dir/images. programs is the folder of the
// node's programs.
func writeImages(ctx context.Context, dir, programs string) error {
	bin, archives := filepath.Join(dir, "bin"), filepath.Join(dir, "images")
	if err := errors.Join(os.Mkdir(bin, 0o700), os.Mkdir(archives, 0o700)); err != nil {
		return err
	}
	for name, pkg := range built {
		if err := goBuild(ctx, filepath.Join(bin, name), pkg); err != nil {
			return err
		}
	}
	proxy, err := envoy.Find(ctx, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	images, err := images(bin, programs, proxy)
	for _, i := range images {
		file := strings.NewReplacer("/", "-", ":", "-").Replace(strings.TrimPrefix(i.Name, registry)) + ".tar"
		err = errors.Join(err, oci.Write(filepath.Join(archives, file), i))
	}
	return err
}

func goBuild(ctx context.Context, file, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", file, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// images are what the chart and the cluster run. The certificates are those that distroless images have at the same place.
func images(bin, programs, proxy string) ([]oci.Image, error) {
	const certificates = "/etc/ssl/certs/ca-certificates.crt"
	withEnvoy, err := oci.Image{
		Name: registry + "envoy:1", Entrypoint: []string{"/usr/local/bin/envoy"},
		Files: map[string]string{"/usr/local/bin/envoy": proxy, certificates: certificates},
	}.WithLibraries(proxy)
	if err != nil {
		return nil, err
	}
	const git, backend = "/usr/bin/git", "/usr/lib/git-core/git-http-backend"
	withGit, err := oci.Image{
		Name: registry + "gitd:1", Entrypoint: []string{"/gitd"}, Folders: []string{"/tmp"}, Env: []string{"PATH=/usr/bin", "HOME=/tmp"},
		Files: map[string]string{"/gitd": filepath.Join(bin, "gitd"), git: git, backend: backend},
	}.WithLibraries(git, backend)
	static := func(name, program string) oci.Image {
		entry := "/" + filepath.Base(program)
		return oci.Image{Name: registry + name, Entrypoint: []string{entry}, Files: map[string]string{entry: program, certificates: certificates}}
	}
	return []oci.Image{
		withEnvoy, withGit,
		static("bartizan:1", filepath.Join(bin, "bartizan")),
		static("bartizan:2", filepath.Join(bin, "bartizan")), // what an upgrade brings
		static("bartizan-probe:1", filepath.Join(bin, "probe")),
		static("nats:1", filepath.Join(bin, "nats-server")),
		static("pause:1", filepath.Join(bin, "pause")),
		static("coredns:1", filepath.Join(programs, "coredns")),
	}, err
}
