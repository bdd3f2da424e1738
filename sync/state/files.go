package state

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
)

// filesBucket has what is kept of the files of each directory, see [manifest.Cache],
// and of single files, by their names; and what lint has to know of the files of a
// directory, by its name with "/." behind it. It is made with its first entry. Entries of
// directories that are gone go when another entry has changed.
var filesBucket = []byte("files")

// Files returns what [DB.KeepFiles] was given for a directory, an absolute path;
// nil when there is nothing, or nothing that can be read: it is a cache.
func (db *DB) Files(dir string) (data []byte) {
	db.keeping.Lock()
	defer db.keeping.Unlock()
	if data, ok := db.files[dir]; ok {
		return data
	}
	err := db.view(func(tx *bbolt.Tx) error {
		if files := tx.Bucket(filesBucket); files != nil {
			data = bytes.Clone(files.Get([]byte(dir)))
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return data
}

// KeepFiles replaces what is kept for a directory. It is on disk with the next
// transaction, or after Close.
func (db *DB) KeepFiles(dir string, data []byte) {
	db.keeping.Lock()
	defer db.keeping.Unlock()
	if db.files == nil {
		db.files = map[string][]byte{}
	}
	db.files[dir] = data
	db.kept = true
}

// Opened is when the state was opened, by the clock of the file system that holds
// it. It is zero when that could not be told.
func (db *DB) Opened() time.Time { return db.opened }

// takeFiles returns what waits to be written.
func (db *DB) takeFiles() map[string][]byte {
	db.keeping.Lock()
	defer db.keeping.Unlock()
	files := db.files
	db.files = nil
	return files
}

// putFiles writes it as a part of a transaction.
func putFiles(tx *bbolt.Tx, files map[string][]byte) error {
	if len(files) == 0 {
		return nil
	}
	bucket, err := tx.CreateBucketIfNotExists(filesBucket)
	if err != nil {
		return err
	}
	for dir, data := range files {
		if err := bucket.Put([]byte(dir), data); err != nil {
			return err
		}
	}
	return nil
}

// flushFiles writes what still waits, and removes what is of no use any more. Where
// that fails, the files are read again next time; nothing else is lost, so nobody is
// told.
func (db *DB) flushFiles() {
	files := db.takeFiles()
	gone := db.goneFiles()
	if len(files)+len(gone) == 0 {
		return
	}
	_ = shielded(func() error {
		return db.bolt.Update(func(tx *bbolt.Tx) error {
			for _, dir := range gone {
				if err := tx.Bucket(filesBucket).Delete(dir); err != nil {
					return err
				}
			}
			return putFiles(tx, files)
		})
	})
}

// goneFiles returns the keys of what is no longer there, if an entry was changed
// since the state was opened: else nothing was, or all is asked each time.
func (db *DB) goneFiles() (gone [][]byte) {
	db.keeping.Lock()
	defer db.keeping.Unlock()
	if !db.kept {
		return nil
	}
	err := db.view(func(tx *bbolt.Tx) error {
		files := tx.Bucket(filesBucket)
		if files == nil {
			return nil
		}
		return files.ForEach(func(dir, _ []byte) error {
			// What lies in a directory is gone, too, where that is a file now.
			if _, err := os.Lstat(string(dir)); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
				gone = append(gone, bytes.Clone(dir))
			}
			return nil
		})
	})
	if err != nil {
		return nil
	}
	return gone
}
