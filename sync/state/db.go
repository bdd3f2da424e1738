package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"assetsync/manifest"
)

const (
	format       = "2"
	formatBefore = "1" // without tables; it is read, too

	// lockTimeout is how long Open waits for another process: verbs never
	// hang.
	lockTimeout = 2 * time.Second

	// lockTries is how often it says in that time that it waits.
	lockTries = 8
)

var (
	metaBucket      = []byte("meta")
	targetsBucket   = []byte("targets")
	assetsBucket    = []byte("assets")
	endpointsBucket = []byte("endpoints")
	formatKey       = []byte("format")
)

// ErrLocked means that another process holds the state, or the lock file that
// stands for it.
var ErrLocked = errors.New("state is in use")

// DB is an open state. The process that opened it holds the lock of the file
// until Close or its end, however it ends. It is safe for concurrent use.
type DB struct {
	bolt   *bbolt.DB
	owner  note
	opened time.Time

	keeping sync.Mutex
	files   map[string][]byte // by directory, not on disk yet
	kept    bool              // files were kept since the state was opened

	decoding  sync.Mutex
	endpoints map[string]decodedEndpoint // by key
}

// decodedEndpoint is a record with what it says: every target of a run asks for
// the same one.
type decodedEndpoint struct {
	data  string
	value Endpoint
}

// Open opens the state at path for one process, making file and directory
// (mode 0700) when there are none. It waits 2 seconds for another process;
// then its error wraps [ErrLocked] and names the holder. A [Shared] of another
// process makes way. The note about the owner lies beside the file.
func Open(path string, owner Owner) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	note := noteOf(path)
	bolt, err := openBolt(path)
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("open state %s: %w by %s", path, ErrLocked, note.read())
	case err != nil:
		return nil, fmt.Errorf("open state %s: %w", path, err)
	}
	db := &DB{bolt: bolt, owner: note}
	if err := db.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("open state %s: %w", path, err), bolt.Close())
	}
	if db.opened, err = db.owner.write(owner); err != nil {
		return nil, errors.Join(fmt.Errorf("open state %s: %w", path, err), bolt.Close())
	}
	return db, nil
}

// openBolt opens the file. While another process has it, it says again and
// again that it is wanted.
func openBolt(path string) (bolt *bbolt.DB, err error) {
	options := bbolt.Options{Timeout: time.Nanosecond, FreelistType: bbolt.FreelistMapType} // one try
	open := func() (err error) {
		bolt, err = bbolt.Open(path, 0o600, &options)
		return err
	}
	err = shielded(open)
	if !errors.Is(err, berrors.ErrTimeout) {
		return bolt, err
	}
	want := wantOf(path)
	defer want.take()
	options.Timeout = lockTimeout / lockTries
	for range lockTries {
		want.put()
		if err = shielded(open); !errors.Is(err, berrors.ErrTimeout) {
			break
		}
	}
	return bolt, err
}

// Close gives the state back.
func (db *DB) Close() error {
	db.flushFiles()
	if err := errors.Join(db.owner.remove(), db.bolt.Close()); err != nil {
		return fmt.Errorf("close state: %w", err)
	}
	return nil
}

// prepare checks the format and makes the buckets of a new file. An existing
// file is only read, so that a look never writes.
func (db *DB) prepare() error {
	ready := false
	err := db.view(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		if meta == nil {
			return nil
		}
		ready = true
		for _, name := range [][]byte{targetsBucket, assetsBucket, endpointsBucket} {
			if tx.Bucket(name) == nil {
				return fmt.Errorf("the file is damaged: bucket %s is missing", name)
			}
		}
		return checkFormat(meta.Get(formatKey))
	})
	if err != nil || ready {
		return err
	}
	return shielded(func() error { return db.bolt.Update(makeBuckets) })
}

func makeBuckets(tx *bbolt.Tx) error {
	for _, name := range [][]byte{metaBucket, targetsBucket, assetsBucket, endpointsBucket} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return tx.Bucket(metaBucket).Put(formatKey, []byte(format))
}

func checkFormat(got []byte) error {
	if s := string(got); s != format && s != formatBefore {
		return fmt.Errorf("format %q is not known to this version of assetsync (it knows %q): use the newer assetsync, or delete the file to start with an empty base", got, format)
	}
	return nil
}

// Target returns what is known of a target; the zero Target when nothing is.
func (db *DB) Target(space Space, name string) (t Target, err error) {
	err = db.get(targetsBucket, key(space.prefix(), name), &t)
	return t, err
}

// Asset returns what is known of an asset; the zero Asset when nothing is.
func (db *DB) Asset(space Space, id string) (Asset, error) {
	return db.AssetLike(space, id, manifest.Tree{})
}

// AssetLike is Asset for who has a tree that is likely what the asset holds: it takes
// less memory where it is. What is known is the same, whatever the tree holds, of which
// it has some of the entries.
func (db *DB) AssetLike(space Space, id string, tree manifest.Tree) (a Asset, err error) {
	err = db.viewAsset(space, id, func(data []byte) (err error) {
		a, err = decodeAsset(data, tree)
		return err
	})
	return a, err
}

// RestsAt returns what is known of an asset, but for its files, and whether these are
// just what a tree holds: on both sides of the base, and as they were seen. It costs a
// part of [DB.Asset].
func (db *DB) RestsAt(space Space, id string, tree manifest.Tree) (a Asset, rests bool, err error) {
	err = db.viewAsset(space, id, func(data []byte) (err error) {
		a, rests, err = restsAt(data, tree)
		return err
	})
	return a, rests, err
}

// viewAsset reads the record of an asset, if there is one.
func (db *DB) viewAsset(space Space, id string, read func(data []byte) error) error {
	k := key(space.prefix(), id)
	return db.view(func(tx *bbolt.Tx) error {
		if data := tx.Bucket(assetsBucket).Get(k); data != nil {
			return unreadable(k, read(data))
		}
		return nil
	})
}

// Is reports whether what is known of an asset and of its target is just what is on
// record: to put it there would change no byte. Nothing on record is the zero value.
func (db *DB) Is(space Space, id string, a Asset, name string, t Target) (is bool, err error) {
	asset, err := encodeAsset(a)
	noAsset, err2 := encodeAsset(Asset{})
	target, err3 := json.Marshal(t)
	noTarget, err4 := json.Marshal(Target{})
	if err := errors.Join(err, err2, err3, err4); err != nil {
		return false, err
	}
	err = db.view(func(tx *bbolt.Tx) error {
		assetThere := tx.Bucket(assetsBucket).Get(key(space.prefix(), id))
		if assetThere == nil {
			assetThere = noAsset
		}
		targetThere := tx.Bucket(targetsBucket).Get(key(space.prefix(), name))
		if targetThere == nil {
			targetThere = noTarget
		}
		is = bytes.Equal(asset, assetThere) && bytes.Equal(target, targetThere)
		return nil
	})
	return is, err
}

// Targets returns what is known of every target of a space, by name.
func (db *DB) Targets(space Space) (map[string]Target, error) {
	targets := map[string]Target{}
	prefix := key(space.prefix(), "")
	err := db.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(targetsBucket).Cursor()
		for k, data := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, data = c.Next() {
			var t Target
			if err := json.Unmarshal(data, &t); err != nil {
				return fmt.Errorf("read state of %q: %w", k, err)
			}
			targets[string(k[len(prefix):])] = t
		}
		return nil
	})
	return targets, err
}

// Endpoint returns what was learned of an endpoint. Its probe is shared by all who
// ask, and must not be changed.
func (db *DB) Endpoint(space Space) (e Endpoint, err error) {
	k := key(space.Endpoint, space.Region)
	db.decoding.Lock()
	defer db.decoding.Unlock()
	err = db.view(func(tx *bbolt.Tx) error {
		data := tx.Bucket(endpointsBucket).Get(k)
		if known, ok := db.endpoints[string(k)]; ok && known.data == string(data) {
			e = known.value
			return nil
		}
		if err := decode(k, data, &e); err != nil {
			return err
		}
		if db.endpoints == nil {
			db.endpoints = map[string]decodedEndpoint{}
		}
		db.endpoints[string(k)] = decodedEndpoint{string(data), e}
		return nil
	})
	return e, err
}

func (db *DB) get(bucket, k []byte, into any) error {
	return db.view(func(tx *bbolt.Tx) error {
		return decode(k, tx.Bucket(bucket).Get(k), into)
	})
}

// decode reads the record of a key, nil for none.
func decode(k, data []byte, into any) error {
	if data == nil {
		return nil
	}
	return unreadable(k, json.Unmarshal(data, into))
}

// unreadable says of an error of which record it is; nil stays nil.
func unreadable(k []byte, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read state of %q: %w", k, err)
}

func (db *DB) view(look func(*bbolt.Tx) error) error {
	return shielded(func() error { return db.bolt.View(look) })
}

// shielded turns what a damaged file does to bbolt, which maps it into memory
// and trusts it, into an error: a panic, or a fault where the file is too
// short.
func shielded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the file is damaged: %v", p)
		}
	}()
	return f()
}

// Update runs change and makes all that it put durable at once, or nothing
// of it when change fails or the process dies.
func (db *DB) Update(change func(Tx) error) error {
	files := db.takeFiles()
	err := shielded(func() error {
		return db.bolt.Update(func(tx *bbolt.Tx) error {
			if err := change(Tx{tx}); err != nil {
				return err
			}
			return putFiles(tx, files)
		})
	})
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// Tx is the writing side of a transaction. It is only valid inside the
// function that it was given to.
type Tx struct{ tx *bbolt.Tx }

// PutTarget replaces what is known of a target.
func (t Tx) PutTarget(space Space, name string, v Target) error {
	return t.put(targetsBucket, key(space.prefix(), name), v)
}

// PutAsset replaces what is known of an asset.
func (t Tx) PutAsset(space Space, id string, v Asset) error {
	return t.putAsset(key(space.prefix(), id), v)
}

// PutEndpoint replaces what was learned of an endpoint.
func (t Tx) PutEndpoint(space Space, v Endpoint) error {
	return t.put(endpointsBucket, key(space.Endpoint, space.Region), v)
}

// ChangeEndpoint changes what is on record of an endpoint now, which another
// target or a probe may have learned meanwhile.
func (t Tx) ChangeEndpoint(space Space, change func(*Endpoint)) error {
	var e Endpoint
	k := key(space.Endpoint, space.Region)
	if err := decode(k, t.tx.Bucket(endpointsBucket).Get(k), &e); err != nil {
		return err
	}
	change(&e)
	return t.put(endpointsBucket, k, e)
}

func (t Tx) put(bucket, k []byte, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return t.tx.Bucket(bucket).Put(k, data)
}

func (t Tx) putAsset(k []byte, v Asset) error {
	data, err := encodeAsset(v)
	if err != nil {
		return err
	}
	if meta := t.tx.Bucket(metaBucket); string(meta.Get(formatKey)) != format {
		if err := meta.Put(formatKey, []byte(format)); err != nil {
			return err
		}
	}
	return t.tx.Bucket(assetsBucket).Put(k, data)
}

// readAsset reads the record of a key.
func readAsset(k, data []byte) (Asset, error) {
	a, err := decodeAsset(data, manifest.Tree{})
	return a, unreadable(k, err)
}

func (s Space) prefix() string { return s.Endpoint + "\x00" + s.Region + "\x00" + s.AgentSpace }

func key(space, name string) []byte { return []byte(space + "\x00" + name) }
