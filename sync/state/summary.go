package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// Summary says in numbers what a state holds, of all spaces.
type Summary struct {
	Targets     int `json:"targets"`
	Assets      int `json:"assets"`
	Paths       int `json:"paths"`       // with a base
	Publishings int `json:"publishings"` // that can be taken back
	CheckOuts   int `json:"check_outs"`  // the same
	Conflicts   int `json:"conflicts"`   // paths on which the sides differ

	Unfinished []Unfinished `json:"unfinished"` // oldest first for each target
}

// Unfinished is a publishing or a check out that was begun, and of which nobody
// knows yet what it did.
type Unfinished struct {
	Target  string    `json:"target"` // of a check out the asset
	Started time.Time `json:"started,omitzero"`
	Until   time.Time `json:"until,omitzero"` // see [Intent]
	Doubt   bool      `json:"doubt"`          // a write was not answered
}

// Summary counts. It changes nothing.
func (db *DB) Summary() (s Summary, err error) {
	s.Unfinished = []Unfinished{}
	err = db.view(func(tx *bbolt.Tx) error {
		err := tx.Bucket(assetsBucket).ForEach(func(k, data []byte) error {
			a, err := readAsset(k, data)
			if err != nil {
				return err
			}
			s.add(lastPart(k), a)
			return nil
		})
		if err != nil {
			return err
		}
		return tx.Bucket(targetsBucket).ForEach(func(k, data []byte) error {
			var t Target
			if err := json.Unmarshal(data, &t); err != nil {
				return fmt.Errorf("read state of %q: %w", k, err)
			}
			s.Targets++
			for _, in := range t.Intents {
				s.Unfinished = append(s.Unfinished, Unfinished{lastPart(k), in.Started, in.Until, in.Doubt})
			}
			return nil
		})
	})
	return s, err
}

func (s *Summary) add(id string, a Asset) {
	s.Assets++
	s.Paths += len(a.Base)
	s.Publishings += len(a.Published)
	s.Conflicts += len(a.Disputes)
	if a.CheckedOut != nil {
		s.CheckOuts++
	}
	if len(a.CheckingOut) > 0 {
		s.Unfinished = append(s.Unfinished, Unfinished{Target: id})
	}
}

// lastPart is the name at the end of a key.
func lastPart(k []byte) string { return string(k[bytes.LastIndexByte(k, 0)+1:]) }

// ForgetSeen drops what listings of the remote are compared with, of all assets,
// so that the next look reads every file. Nothing else changes.
func (db *DB) ForgetSeen() error {
	return db.Update(func(tx Tx) error {
		bucket := tx.tx.Bucket(assetsBucket)
		records := map[string]Asset{}
		err := bucket.ForEach(func(k, data []byte) error {
			a, err := readAsset(k, data)
			if err != nil {
				return err
			}
			if len(a.Seen) > 0 {
				a.Seen = nil
				records[string(k)] = a
			}
			return nil
		})
		if err != nil {
			return err
		}
		for k, a := range records { // a bucket does not change while it is walked
			if err := tx.putAsset([]byte(k), a); err != nil {
				return err
			}
		}
		return nil
	})
}
