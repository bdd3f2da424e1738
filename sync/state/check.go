package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"go.etcd.io/bbolt"

	"assetsync/manifest"
)

// Check looks through all records for what no run leaves behind, and returns
// one sentence for each fault, in order. It changes nothing.
func (db *DB) Check() (faults []string, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		assets := tx.Bucket(assetsBucket)
		err := assets.ForEach(func(k, data []byte) error {
			a, err := readAsset(k, data)
			if err != nil {
				return err
			}
			faults = append(faults, named("asset", k, a.faults())...)
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
			found := t.faults()
			space := k[:bytes.LastIndexByte(k, 0)]
			if t.AssetID != "" && assets.Get(key(string(space), t.AssetID)) == nil {
				found = append(found, fmt.Sprintf("nothing is known of its asset %s", t.AssetID))
			}
			faults = append(faults, named("target", k, found)...)
			return nil
		})
	})
	return faults, err
}

// named says whose the faults are: the last part of a key is the name.
func named(kind string, k []byte, faults []string) []string {
	for i, f := range faults {
		faults[i] = fmt.Sprintf("%s %s: %s", kind, k[bytes.LastIndexByte(k, 0)+1:], f)
	}
	return faults
}

func (a Asset) faults() (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if a.Version < 0 {
		fault("its version is %d", a.Version)
	}
	for p, pair := range a.Base.All() {
		if pair.Local == nil && pair.Remote == nil {
			fault("the base of %s has neither side", p)
		}
		faults = append(faults, pair.faults(p)...)
	}
	if len(a.Base) > 0 && a.Version == 0 {
		fault("it has a base and no version")
	}
	for p, s := range a.Seen.All() {
		switch {
		case s.Path != p:
			fault("what was seen at %s is of %s", p, s.Path)
		case s.Version < 1 || s.Version > a.Version:
			fault("%s was seen as of version %d, and the newest that was seen is %d", p, s.Version, a.Version)
		}
	}
	for _, v := range a.Own {
		if v < 1 || v > a.Version {
			fault("version %d is called its own, and the newest that was seen is %d", v, a.Version)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(a.CheckingOut)) {
		faults = append(faults, a.CheckingOut[p].faults(p)...)
	}
	for _, d := range a.Deletions {
		if d.Files < 1 || d.Side != "remote" && d.Side != "local" {
			fault("it counts %d deletions on side %q", d.Files, d.Side)
		}
	}
	if a.Older < 0 || a.Older > a.Version {
		fault("version %d was checked out, and the newest that was seen is %d", a.Older, a.Version)
	}
	for _, p := range slices.Sorted(maps.Keys(a.Disputes)) {
		d := a.Disputes[p]
		if d == (Dispute{}) {
			fault("%s is in dispute over nothing", p)
		}
		if d.Settled != nil {
			faults = append(faults, d.Settled.faults(p)...)
		}
	}
	return faults
}

// faults says whose the sides of a base are, if not the path's.
func (pair Pair) faults(p manifest.Path) (faults []string) {
	for _, e := range []*manifest.Entry{pair.Local, pair.Remote} {
		if e != nil && e.Path != p {
			faults = append(faults, fmt.Sprintf("the base of %s is that of %s", p, e.Path))
		}
	}
	return faults
}

func (in CheckOutIntent) faults(p manifest.Path) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	switch {
	case in.Mark == "":
		fault("the check out of %s that was cut short has no mark", p)
	case in.Version < 1:
		fault("the check out of %s that was cut short is of version %d", p, in.Version)
	case in.Old == nil && in.New == nil:
		fault("the check out of %s that was cut short is from nothing to nothing", p)
	}
	for _, e := range []*manifest.Entry{in.Old, in.New, in.Was.Local, in.Was.Remote, in.Base.Local, in.Base.Remote} {
		if e != nil && e.Path != p {
			fault("the check out of %s that was cut short is of %s", p, e.Path)
		}
	}
	return faults
}

func (t Target) faults() (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	nonces := map[string]bool{}
	for i, in := range t.Intents {
		switch {
		case in.Nonce == "" || nonces[in.Nonce]:
			fault("push %d that was cut short has no nonce of its own", i+1)
		case in.Until.Before(in.Started):
			fault("push %d that was cut short was over before it began", i+1)
		case i > 0 && in.Started.Before(t.Intents[i-1].Started):
			fault("push %d that was cut short began before the one before it", i+1)
		case in.Observed < 0, (in.Observed == 0) != (in.AssetID == ""):
			fault("push %d that was cut short was planned on version %d of asset %q", i+1, in.Observed, in.AssetID)
		}
		nonces[in.Nonce] = true
		paths := map[manifest.Path]bool{}
		for _, c := range in.Changes {
			if c.Old == nil && c.New == nil || paths[c.Path] {
				fault("push %d that was cut short changes %s from nothing to nothing, or twice", i+1, c.Path)
			}
			paths[c.Path] = true
			for _, e := range []*manifest.Entry{c.Old, c.New} {
				if e != nil && e.Path != c.Path {
					fault("push %d that was cut short changes %s to what is of %s", i+1, c.Path, e.Path)
				}
			}
		}
	}
	return faults
}
