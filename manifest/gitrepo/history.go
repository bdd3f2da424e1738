package gitrepo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"assetsync/manifest"
)

const (
	// objectCacheSize bounds the memory of one open repository. A version is 6
	// MiB packed at most, and is read once.
	objectCacheSize = 16 * cache.MiByte

	// historyCacheSize is the same for a history, which a daemon has open for
	// weeks: the directories of a version are read again for the next one, its
	// files seldom are.
	historyCacheSize = 1 * cache.MiByte
)

// Key names what a history is of.
type Key struct {
	Env    string // "" when there is only one environment
	Target string
}

// Version is one version of an asset as it was read.
type Version struct {
	Asset   string    // id of the asset, without white space; one target may have had several
	Number  int       // 1 or more
	At      time.Time // when it was made; the commit's time, in whole seconds since 1970
	Bundle  manifest.Bundle
	Message string // for people; "" gives "version N"
	Foreign bool   // made by somebody else
	Last    bool   // is to be the newest arrival, though it may have arrived before

	// Metadata is the asset's as of the version, a JSON object; nil: not known.
	// One of more than 64 KiB is not kept.
	Metadata json.RawMessage
}

// Record is what is known of a version without reading its files.
type Record struct {
	Asset    string
	Number   int
	TreeID   manifest.ID
	CommitID manifest.ID
	At       time.Time
	Foreign  bool
	Metadata json.RawMessage // a JSON object; nil: not known
}

// Kept is a file that is about to be overwritten.
type Kept struct {
	Path    manifest.Path
	Content []byte
	Why     string    // for people: what overwrites it
	At      time.Time // now
}

// History keeps every version that was read. It is safe for concurrent use;
// several processes may each have one of the same directory. Open it once per
// process.
type History struct {
	disk *syncFS
	repo *filesystem.Storage

	mu     sync.Mutex // go-git's storage is not safe for concurrent use
	chains map[plumbing.ReferenceName]chain
	held   map[plumbing.Hash]struct{} // during a Put: what the version before it holds
}

// CorruptError says that a repository cannot be read. It holds nothing that
// the remote does not have, except bytes that were kept.
type CorruptError struct {
	Dir string
	Err error
}

// Error implements error.
func (e *CorruptError) Error() string { return fmt.Sprintf("read history %s: %v", e.Dir, e.Err) }

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *CorruptError) Hint() string {
	return fmt.Sprintf("%s is a cache of published versions: move it away and repeat the command; files that were kept before they were overwritten are only there", e.Dir)
}

// OpenHistory opens the repository at dir, or makes one when nothing is
// there. A repository that cannot be read is a *[CorruptError].
func OpenHistory(dir string) (*History, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	if err := createHistory(dir); err != nil {
		return nil, fmt.Errorf("create history %s: %w", dir, err)
	}
	h := newHistory(newDisk(dir))
	if err := h.check(); err != nil {
		return nil, &CorruptError{dir, errors.Join(err, h.Close())}
	}
	return h, nil
}

func newHistory(d disk) *History {
	sfs := newSyncFS(d)
	return &History{
		disk:   sfs,
		repo:   filesystem.NewStorage(sfs, cache.NewObjectLRU(historyCacheSize)),
		chains: map[plumbing.ReferenceName]chain{},
	}
}

// createHistory makes the repository under another name first: one that has
// the name is whole.
func createHistory(dir string) (err error) {
	switch entries, err := os.ReadDir(dir); {
	case err == nil && len(entries) > 0:
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(parent, manifest.TempPrefix)
	if err != nil {
		return err
	}
	if err := initRepository(temp); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	if err := os.Rename(temp, dir); err != nil {
		err = errors.Join(err, os.RemoveAll(temp))
		// Somebody else may have been faster.
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			return nil
		}
		return err
	}
	return syncDir(parent)
}

func initRepository(dir string) error {
	h := newHistory(newDisk(dir))
	return errors.Join(h.init(), h.Close())
}

func (h *History) init() error {
	if err := h.repo.Init(); err != nil {
		return err
	}
	settings := config.NewConfig()
	settings.Core.IsBare = true
	if err := h.repo.SetConfig(settings); err != nil {
		return err
	}
	// A repository has a HEAD; this one is on a branch that never exists.
	if err := h.repo.SetReference(plumbing.NewSymbolicReference(plumbing.HEAD, plumbing.Main)); err != nil {
		return err
	}
	return h.disk.flush()
}

// check looks for what every repository has.
func (h *History) check() error {
	if _, err := h.repo.Reference(plumbing.HEAD); err != nil {
		return fmt.Errorf("HEAD: %w", err)
	}
	if _, err := h.repo.Config(); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	_, err := h.disk.ReadDir("objects")
	return err
}

func newDisk(dir string) disk {
	return osDisk{osfs.New(dir, osfs.WithBoundOS()), dir}
}

// Close releases what the repository holds open.
func (h *History) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.repo.Close()
}

// Put adds a version, unless the newest arrival with its asset and number has
// the same tree, then returns the id of the version's commit. One that is to be
// Last is added all the same, unless nothing arrived since. When it returns nil,
// the version survives a crash.
func (h *History) Put(ctx context.Context, key Key, v Version) (manifest.ID, error) {
	id, err := h.put(ctx, key, v)
	if err != nil {
		return manifest.ID{}, fmt.Errorf("keep version %d of %s: %w", v.Number, key.Target, err)
	}
	return id, nil
}

func (h *History) put(ctx context.Context, key Key, v Version) (manifest.ID, error) {
	if v.Number < 1 {
		return manifest.ID{}, errors.New("versions count from 1")
	}
	if strings.ContainsFunc(v.Asset, unicode.IsSpace) {
		return manifest.ID{}, fmt.Errorf("asset id %q holds white space", v.Asset)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	tree := v.Bundle.Tree().ID()
	known := func() (manifest.ID, bool, error) {
		records, err := h.records(ctx, key)
		if err != nil {
			return manifest.ID{}, false, err
		}
		r, ok := newest(records, v.Asset, v.Number)
		ok = ok && r.TreeID == tree && (!v.Last || r.CommitID == records[len(records)-1].CommitID)
		return r.CommitID, ok, nil
	}
	if id, ok, err := known(); err != nil || ok {
		return id, err
	}
	h.held = h.heldBy(key.ref(versionsRef))
	defer func() { h.held = nil }()
	if err := h.writeBundle(ctx, v.Bundle); err != nil {
		return manifest.ID{}, err
	}
	return h.advance(key.ref(versionsRef), func(parent plumbing.Hash) (commit, bool, error) {
		// Another process may have added it meanwhile.
		id, ok, err := known()
		if err != nil || ok {
			return commit{id: id}, false, err
		}
		return commit{tree: tree, parent: parent, at: v.At, message: versionMessage(v)}, true, nil
	})
}

// Keep stores the bytes of a file for good. When it returns nil, they
// survive a crash. Keeping what was kept last is nothing new.
func (h *History) Keep(ctx context.Context, key Key, k Kept) error {
	if err := h.keep(ctx, key, k); err != nil {
		return fmt.Errorf("keep %s of %s: %w", k.Path, key.Target, err)
	}
	return nil
}

func (h *History) keep(ctx context.Context, key Key, k Kept) error {
	bundle, err := manifest.NewBundle(map[manifest.Path][]byte{k.Path: k.Content})
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.writeBundle(ctx, bundle); err != nil {
		return err
	}
	tree := bundle.Tree().ID()
	_, err = h.advance(key.ref(keptRef), func(parent plumbing.Hash) (commit, bool, error) {
		if !parent.IsZero() {
			last, err := h.readCommit(parent)
			if err != nil || last.TreeHash == plumbing.Hash(tree) {
				return commit{id: manifest.ID(parent)}, false, err
			}
		}
		return commit{tree: tree, parent: parent, at: k.At, message: keptMessage(k)}, true, nil
	})
	return err
}
