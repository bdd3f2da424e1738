package emulator

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"assetsync/manifest"
)

// formatVersion is what this package reads and writes. Another one is
// refused, never guessed at.
const formatVersion = "1"

// lockTimeout is how long a request waits for another process that has the
// file open.
const lockTimeout = 2 * time.Second

// The buckets; the package comment says what they hold.
var (
	bucketMeta     = []byte("meta")
	bucketBlobs    = []byte("blobs")
	bucketAssets   = []byte("assets")
	bucketVersions = []byte("versions")
	bucketTokens   = []byte("tokens")
	bucketLog      = []byte("log")

	keyFormat = []byte("format")
	keySecret = []byte("secret")
)

// errBusy says that another process kept the file for the whole lockTimeout.
var errBusy = errors.New("in use by another process")

// store opens the database for each transaction, so that several processes
// share it, or keeps it open.
type store struct {
	path string
	kept *bbolt.DB // nil: open for each transaction

	// mu orders this process's own openings; the file's lock orders them
	// against those of others, by polling.
	mu sync.RWMutex
}

// openStore makes the file if need be and checks its format.
func openStore(path string, keep bool, secret []byte) (_ *store, err error) {
	s := &store{path: path}
	defer s.catchDamage(&err)
	db, err := s.open(false)
	if err != nil {
		return nil, err
	}
	if err := prepare(db, secret); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, err), db.Close())
	}
	if keep {
		s.kept = db
		return s, nil
	}
	if err := db.Close(); err != nil {
		return nil, fmt.Errorf("close store %s: %w", path, err)
	}
	return s, nil
}

// prepare makes the buckets of a new file in one transaction and refuses a
// file of another format.
func prepare(db *bbolt.DB, secret []byte) error {
	fresh := false
	err := db.View(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		if meta == nil {
			if name, _ := tx.Cursor().First(); name != nil {
				return errors.New("it belongs to another program")
			}
			fresh = true
			return nil
		}
		if got := string(meta.Get(keyFormat)); got != formatVersion {
			return fmt.Errorf("format %q is not %q, the one this program knows", got, formatVersion)
		}
		return nil
	})
	if err != nil || !fresh {
		return err
	}
	return db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketBlobs, bucketAssets, bucketVersions, bucketTokens, bucketLog} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		meta := tx.Bucket(bucketMeta)
		return errors.Join(meta.Put(keyFormat, []byte(formatVersion)), meta.Put(keySecret, secret))
	})
}

func (s *store) open(readOnly bool) (*bbolt.DB, error) {
	db, err := bbolt.Open(s.path, 0o600, &bbolt.Options{Timeout: lockTimeout, ReadOnly: readOnly})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("open store %s: %w", s.path, errBusy)
	case err != nil:
		return nil, fmt.Errorf("open store %s: %w", s.path, err)
	}
	return db, nil
}

// view runs do in a read transaction.
func (s *store) view(do func(*bbolt.Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.with(true, func(db *bbolt.DB) error { return db.View(do) })
}

// update runs do in a write transaction. When it returns nil, what do wrote
// is on disk; when not, nothing of it is. This is the commit point of every
// write.
func (s *store) update(do func(*bbolt.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.with(false, func(db *bbolt.DB) error { return db.Update(do) })
}

func (s *store) with(readOnly bool, do func(*bbolt.DB) error) (err error) {
	defer s.catchDamage(&err)
	db := s.kept
	if db == nil {
		if db, err = s.open(readOnly); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	return do(db)
}

// catchDamage turns a panic into an error: bbolt panics on pages that it
// cannot make sense of, after it has rolled back.
func (s *store) catchDamage(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("read store %s: it is damaged: %v", s.path, r)
	}
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		return nil
	}
	if err := s.kept.Close(); err != nil {
		return fmt.Errorf("close store %s: %w", s.path, err)
	}
	return nil
}

// assetRecord is what does not change from version to version.
type assetRecord struct {
	Space   string    `json:"space"`
	ID      string    `json:"id"`
	Type    string    `json:"type"`
	Latest  int32     `json:"latest"`
	Created time.Time `json:"created"`
	Deleted bool      `json:"deleted,omitempty"`
}

// versionHead is a version without its files.
type versionHead struct {
	Version  int32          `json:"version"`
	Created  time.Time      `json:"created"`
	Updated  time.Time      `json:"updated"`
	Metadata map[string]any `json:"metadata"`
}

// versionRecord is one version of an asset. The head comes first, see [readHead].
type versionRecord struct {
	versionHead
	Files []fileRecord `json:"files"`         // by path
	Zip   *manifest.ID `json:"zip,omitempty"` // blob of the zip it was made of, if kept
}

// fileRecord is one file of a version.
type fileRecord struct {
	Path     manifest.Path   `json:"path"`
	Blob     manifest.ID     `json:"blob"`
	Size     int64           `json:"size"`
	Text     bool            `json:"text"`    // sent as text, or text in a zip
	Version  int32           `json:"version"` // of the asset, when the file last changed
	Created  time.Time       `json:"created"`
	Updated  time.Time       `json:"updated"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

// tokenRecord says what a client token was used for.
type tokenRecord struct {
	Digest string `json:"digest"`          // of operation, resource and payload
	Asset  string `json:"asset,omitempty"` // made by CreateAsset; "" when that failed
}

func assetKey(space, asset string) []byte { return []byte(space + "\x00" + asset) }

func versionKey(space, asset string, version int32) []byte {
	return binary.BigEndian.AppendUint32([]byte(space+"\x00"+asset+"\x00"), uint32(version))
}

// load reads a JSON value; false when the key is absent.
func load[T any](b *bbolt.Bucket, key []byte) (v T, ok bool, err error) {
	raw := b.Get(key)
	if raw == nil {
		return v, false, nil
	}
	if err := unmarshal(raw, &v); err != nil {
		return v, false, fmt.Errorf("read record %q: %w", key, err)
	}
	return v, true, nil
}

// readHead reads a version up to its files, which are most of a record: a list of
// many assets asks for none of them.
func readHead(raw []byte) (h versionHead, err error) {
	dec := newDecoder(raw)
	if _, err := dec.Token(); err != nil {
		return h, err
	}
	fields := map[string]any{"version": &h.Version, "created": &h.Created, "updated": &h.Updated, "metadata": &h.Metadata}
	for len(fields) > 0 {
		name, err := dec.Token()
		if err != nil {
			return h, err
		}
		field, ok := fields[fmt.Sprint(name)]
		if !ok {
			return h, fmt.Errorf("%v stands before the end of the head", name)
		}
		if err := dec.Decode(field); err != nil {
			return h, err
		}
		delete(fields, fmt.Sprint(name))
	}
	return h, nil
}

func save(b *bbolt.Bucket, key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write record %q: %w", key, err)
	}
	return b.Put(key, raw)
}
