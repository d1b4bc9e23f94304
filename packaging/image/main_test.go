package main

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// TestImage makes an image of this tree, reads it back as others would, and
// starts what is in it, with nothing else around it.
func TestImage(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "platen")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./cmd/platen")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	made := image{binary: binary, arch: runtime.GOARCH, version: "1.2.3+4.gabc", revision: "abc", created: time.Unix(1700000000, 0)}
	archives := []string{filepath.Join(dir, "one.tar"), filepath.Join(dir, "two.tar")}
	for _, out := range archives {
		if err := made.write(out); err != nil {
			t.Fatal(err)
		}
	}
	one, err := os.ReadFile(archives[0])
	if err != nil {
		t.Fatal(err)
	}
	if two, err := os.ReadFile(archives[1]); err != nil || string(one) != string(two) {
		t.Errorf("two images of one binary differ: %v", err)
	}
	img := readImage(t, archives[0])
	if err := validate.Image(img); err != nil {
		t.Error(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Architecture != runtime.GOARCH || config.OS != "linux" || config.Config.Labels["org.opencontainers.image.version"] != "1.2.3+4.gabc" {
		t.Errorf("the image is for %s/%s, with %v", config.OS, config.Architecture, config.Config.Labels)
	}
	// As "docker load" reads it.
	tag, err := name.NewTag("platen:1.2.3-4.gabc")
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := tarball.ImageFromPath(archives[0], &tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(loaded); err != nil {
		t.Error(err)
	}
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("the image is not started: that needs root on Linux")
	}
	root := filepath.Join(dir, "root")
	unpack(t, mutate.Extract(img), root)
	startIn(t, root, config)
}

// readImage returns the image of an archive.
func readImage(t *testing.T, archive string) v1.Image {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	unpack(t, file, dir)
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 {
		t.Fatalf("want one image in the index: %v %v", manifest, err)
	}
	img, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// unpack unpacks a tar into a directory.
func unpack(t *testing.T, from io.ReadCloser, dir string) {
	t.Helper()
	defer from.Close()
	for r := tar.NewReader(from); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, header.Name)
		if header.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			var text []byte
			if text, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(path, text, 0o600)
			}
		}
		if err == nil && os.Getuid() == 0 {
			err = os.Lchown(path, header.Uid, header.Gid)
		}
		if err == nil {
			err = os.Chmod(path, header.FileInfo().Mode())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// startIn starts what an image says in its own root, as its user, and asks it
// whether it lives.
func startIn(t *testing.T, root string, config *v1.ConfigFile) {
	t.Helper()
	// The user of the image has to get to the root.
	for dir := root; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var id uint32
	if _, err := fmt.Sscanf(config.Config.User, "%d", &id); err != nil {
		t.Fatal(err)
	}
	args := append(config.Config.Entrypoint, append(config.Config.Cmd, "--listen", "127.0.0.1:0")...)
	server := &exec.Cmd{Path: args[0], Args: args, Env: config.Config.Env, Dir: config.Config.WorkingDir,
		SysProcAttr: &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: id, Gid: id}}}
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Process.Kill() }()
	scanner := bufio.NewScanner(out)
	if !scanner.Scan() {
		t.Fatal("the server says nothing")
	}
	_, url, _ := strings.Cut(scanner.Text(), "listening on ")
	go func() { _, _ = io.Copy(io.Discard, out) }()
	response, err := http.Get(url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 {
		t.Errorf("/readyz: %s", response.Status)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Error(err)
	}
}
