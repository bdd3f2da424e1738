package state

import (
	"go.etcd.io/bbolt"

	"assetsync/manifest"
)

// Marks returns by its mark of each run whose check out is on record, of any asset,
// the paths at which it may have left temporary files. Assets of several
// environments may be checked out into one directory.
func (db *DB) Marks() (map[string][]manifest.Path, error) {
	marks := map[string][]manifest.Path{}
	add := func(mark string, p manifest.Path) {
		if mark != "" {
			marks[mark] = append(marks[mark], p)
		}
	}
	err := db.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(assetsBucket).ForEach(func(k, data []byte) error {
			a, err := readAsset(k, data)
			if err != nil {
				return err
			}
			for p, in := range a.CheckingOut {
				add(in.Mark, p)
			}
			if a.CheckedOut == nil {
				return nil
			}
			for _, c := range a.CheckedOut.Changes {
				add(a.CheckedOut.Mark, c.Path)
				add(a.CheckedOut.Back, c.Path)
			}
			return nil
		})
	})
	return marks, err
}
