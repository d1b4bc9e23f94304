// Command image makes an OCI image of a platen binary, from scratch and
// without a daemon. The same binary makes the same bytes.
//
//	go run ./image -binary platen -arch amd64 -version 0.1.0 -revision HASH -created 2026-01-02T03:04:05Z -out platen.tar
package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// user is whom the server runs as: nobody that a host knows.
const user = 65532

// An image is what is to be made.
type image struct {
	binary, arch, version, revision string
	created                         time.Time
}

func main() {
	var made image
	flag.StringVar(&made.binary, "binary", "", "the program, static, for Linux")
	flag.StringVar(&made.arch, "arch", "amd64", "its architecture, as Go calls it")
	flag.StringVar(&made.version, "version", "", "its version")
	flag.StringVar(&made.revision, "revision", "", "the commit")
	created := flag.String("created", "1970-01-01T00:00:00Z", "time of the commit, RFC 3339")
	out := flag.String("out", "", "file to write: a tar of an OCI image layout")
	flag.Parse()
	at, err := time.Parse(time.RFC3339, *created)
	if err == nil {
		made.created = at
		err = made.write(*out)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// write writes the image as an OCI layout in a tar.
func (i image) write(out string) (err error) {
	img, err := i.build()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "platen-image-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	err = path.AppendImage(img, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": i.tag(),
		"io.containerd.image.name":          "docker.io/library/platen:" + i.tag(), // how Docker and containerd spell platen:TAG
	}), layout.WithPlatform(v1.Platform{OS: "linux", Architecture: i.arch}))
	if err == nil {
		err = i.writeManifest(img, dir)
	}
	if err != nil {
		return err
	}
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	return errors.Join(pack(file, dir, i.created), file.Close())
}

// tag is the version as a tag, in which there may be no "+".
func (i image) tag() string { return strings.ReplaceAll(i.version, "+", "-") }

// writeManifest adds the list that "docker load" of versions before 25 wants,
// which do not know OCI's layout. Its blobs are the same.
func (i image) writeManifest(img v1.Image, dir string) error {
	manifest, err := img.Manifest()
	if err != nil {
		return err
	}
	blob := func(d v1.Descriptor) string { return "blobs/" + d.Digest.Algorithm + "/" + d.Digest.Hex }
	entry := struct {
		Config           string
		RepoTags, Layers []string
	}{blob(manifest.Config), []string{"platen:" + i.tag()}, nil}
	for _, one := range manifest.Layers {
		entry.Layers = append(entry.Layers, blob(one))
	}
	text, err := json.Marshal([]any{entry})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "manifest.json"), text, 0o644)
}

// build returns the image.
func (i image) build() (v1.Image, error) {
	files, err := i.rootFiles()
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil }, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.Append(base, mutate.Addendum{Layer: layer, MediaType: types.OCILayer, History: v1.History{
		Created: v1.Time{Time: i.created}, CreatedBy: "packaging/image", Comment: "platen " + i.version,
	}})
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(img, i.config(img))
}

// config returns how the image is run.
func (i image) config(img v1.Image) *v1.ConfigFile {
	file, err := img.ConfigFile()
	if err != nil {
		log.Fatal(err) // of an image that was just made
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = "linux", i.arch, v1.Time{Time: i.created}
	file.Config = v1.Config{
		User:         fmt.Sprintf("%d:%d", user, user),
		Entrypoint:   []string{"/usr/bin/platen"},
		Cmd:          []string{"serve"},
		Env:          []string{"PATH=/usr/bin", "PLATEN_DATA=/var/lib/platen", "PLATEN_LISTEN=0.0.0.0:9340"},
		ExposedPorts: map[string]struct{}{"9340/tcp": {}},
		Volumes:      map[string]struct{}{"/var/lib/platen": {}},
		WorkingDir:   "/var/lib/platen",
		StopSignal:   "SIGTERM",
		Labels: map[string]string{
			"org.opencontainers.image.title":    "platen",
			"org.opencontainers.image.version":  i.version,
			"org.opencontainers.image.revision": i.revision,
			"org.opencontainers.image.created":  i.created.UTC().Format(time.RFC3339),
			"org.opencontainers.image.source":   "https://github.com/platenhq/platen",
			"org.opencontainers.image.licenses": "Apache-2.0",
		},
	}
	return file
}

// rootFiles returns the root file system as a tar.
func (i image) rootFiles() ([]byte, error) {
	program, err := os.ReadFile(i.binary)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, file := range []struct {
		name  string // a directory if it ends in a slash
		mode  int64
		owner int
		text  []byte
	}{
		{"etc/", 0o755, 0, nil},
		{"etc/group", 0o644, 0, fmt.Appendf(nil, "root:x:0:\nplaten:x:%d:\n", user)},
		{"etc/passwd", 0o644, 0, fmt.Appendf(nil, "root:x:0:0::/:/nologin\nplaten:x:%d:%d::/var/lib/platen:/nologin\n", user, user)},
		{"tmp/", 0o1777, 0, nil},
		{"usr/", 0o755, 0, nil},
		{"usr/bin/", 0o755, 0, nil},
		{"usr/bin/platen", 0o755, 0, program},
		{"var/", 0o755, 0, nil},
		{"var/lib/", 0o755, 0, nil},
		{"var/lib/platen/", 0o700, user, nil},
	} {
		header := &tar.Header{Name: file.name, Mode: file.mode, Uid: file.owner, Gid: file.owner, Size: int64(len(file.text)), ModTime: i.created, Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if file.text == nil {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(file.text); err != nil {
			return nil, err
		}
	}
	err = w.Close()
	return b.Bytes(), err
}

// pack writes a directory as a tar, in the order of its names.
func pack(out io.Writer, dir string, at time.Time) error {
	w := tar.NewWriter(out)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: filepath.ToSlash(name), Mode: 0o644, Size: int64(len(text)), ModTime: at, Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	})
	return errors.Join(err, w.Close())
}
