package sync

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"assetsync/manifest"
	"assetsync/remote/assettype"
)

// keptIdentity is what identifies an asset, as it is kept of a main file in a directory:
// it follows from the content and the config alone, so that a file which did not change
// is neither read nor understood again.
type keptIdentity struct {
	id       manifest.ID // of the file's published form
	state    string      // of the file, see [manifest.Settled]; "" when it was too young
	identity string      // "" for nothing
}

// identityIn is what identifies the asset with a main file of an id, "" for nothing.
// state is that of the file, if it is known, from before it was read.
func (e *Engine) identityIn(id manifest.ID, state string, read func() ([]byte, error)) (string, error) {
	known, ok := e.identityKept()
	if ok = ok && known.id == id; ok && (state == "" || state == known.state) {
		return known.identity, nil
	}
	identity := known.identity
	if !ok {
		data, err := read()
		if err != nil {
			return "", err
		}
		bundle, err := manifest.NewBundle(map[manifest.Path][]byte{e.source.mainFile(): data})
		if err != nil {
			return "", err
		}
		identity, _ = assettype.Identity(e.kind, e.Target.Metadata, bundle)
	}
	e.keepIdentity(keptIdentity{id, state, identity})
	return identity, nil
}

// identityKept returns what is kept of the target's main file; false when that is
// nothing, damaged, or of another config.
func (e *Engine) identityKept() (known keptIdentity, ok bool) {
	d, name, question := e.identityPlace()
	if d.kept == nil {
		return known, false
	}
	answer, ok := answerTo(question, d.kept.Files(name))
	if !ok || len(answer) < len(known.id) {
		return known, false
	}
	copy(known.id[:], answer)
	known.state, known.identity, ok = strings.Cut(answer[len(known.id):], "\n")
	return known, ok
}

func (e *Engine) keepIdentity(k keptIdentity) {
	if d, name, question := e.identityPlace(); d.kept != nil {
		d.kept.KeepFiles(name, keptAnswer(question, string(k.id[:])+k.state+"\n"+k.identity))
	}
}

// identityPlace returns the directory that keeps the identity, under which name, and
// what of the config has to be the same for it to be believed. The keeper is nil where it
// is not kept.
func (e *Engine) identityPlace() (d directory, name, question string) {
	d, ok := e.source.(directory)
	if !ok || d.kept == nil || d.file != "" {
		return directory{}, "", ""
	}
	given := e.Target.Metadata[e.kind.IdentityKey]
	return d, filepath.Join(d.dir, filepath.FromSlash(string(d.main))), fmt.Sprintf("identity 2 %s %q %q", e.kind.Name, given, d.opts.Text)
}

// keptAnswer is an answer with a checksum that is over the question, too.
func keptAnswer(question, answer string) []byte {
	sum := sha256.Sum256([]byte(question + "\x00" + answer))
	return append(sum[:], answer...)
}

// answerTo is false for what is damaged, and for the answer to another question.
func answerTo(question string, data []byte) (string, bool) {
	if len(data) < sha256.Size {
		return "", false
	}
	answer := string(data[sha256.Size:])
	return answer, bytes.Equal(data, keptAnswer(question, answer))
}

// RefuseTwins fails when two engines of one space would publish to one asset
// because nothing tells them apart: the same type and the same identity. It
// looks at local files only, so that nothing has been written by then.
func RefuseTwins(ctx context.Context, engines []*Engine) error {
	identities := make([]string, len(engines)) // "" for what is missing, which is told when the target is published
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for from := 0; from < len(engines); from += leastRead {
		group.Go(func() error {
			for i, e := range engines[from:min(from+leastRead, len(engines))] {
				if e.Target.AssetID == "" {
					identities[from+i] = e.localIdentity(ctx)
				}
			}
			return nil
		})
	}
	_ = group.Wait() // the functions return no errors
	seen := map[string]string{}
	for i, e := range engines {
		if identities[i] == "" {
			continue
		}
		key := e.kind.Name + " " + identities[i]
		if other, twin := seen[key]; twin {
			return usage("give each target a name of its own, or set asset: for one of them",
				"targets %s and %s have the same %s, %q: they would be one asset", other, e.Target.Name, e.kind.IdentityKey, identities[i])
		}
		seen[key] = e.Target.Name
	}
	return nil
}

// localIdentity tells what identifies the target's asset, "" where that cannot be read,
// and believes of a main file that is as it was kept what a scan believes. The file whose
// state is looked at is the one that is read: both are asked of the same open directory,
// a link has no state, and what takes the place of a file and gives it back dates that.
func (e *Engine) localIdentity(ctx context.Context) string {
	state, read := "", e.source.readMain
	if d, _, _ := e.identityPlace(); d.kept != nil {
		root, err := d.open()
		if err != nil {
			return ""
		}
		defer root.Close()
		state, read = d.mainState(root), func(context.Context) ([]byte, error) { return d.mainIn(root) }
	}
	if known, ok := e.identityKept(); ok && state != "" && state == known.state {
		return known.identity
	}
	data, err := read(ctx)
	if err != nil {
		return ""
	}
	identity, err := e.identityIn(manifest.BlobID(data), state, func() ([]byte, error) { return data, nil })
	if err != nil {
		return ""
	}
	return identity
}

// mainState is the state of the main file, see [manifest.Settled]; "" when it cannot be
// believed, or told.
func (s directory) mainState(root *os.Root) string {
	info, err := root.Lstat(string(s.main))
	if err != nil {
		return ""
	}
	return manifest.Settled(info, s.kept.Opened())
}
