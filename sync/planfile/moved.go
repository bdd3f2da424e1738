package planfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"assetsync/manifest"
)

// Moved compares an approved plan of a target with what would be done now, and
// returns in clauses what is no longer so: which version, path or key moved.
// None means that now is exactly what was approved.
func (t Target) Moved(now Target) (moved []string) {
	add := func(format string, args ...any) { moved = append(moved, fmt.Sprintf(format, args...)) }
	switch {
	case t.AssetID == now.AssetID:
	case t.AssetID == "":
		add("asset %s was made since, and the plan makes it", now.AssetID)
	case now.AssetID == "":
		add("asset %s is gone", t.AssetID)
	default:
		add("the asset is %s, and the plan is for %s", now.AssetID, t.AssetID)
	}
	switch {
	case t.AssetID != now.AssetID:
	case t.Observed.Version != now.Observed.Version:
		add("version %d is live, and the plan was made on version %d", now.Observed.Version, t.Observed.Version)
	case t.Observed.Tree != now.Observed.Tree:
		add("version %d holds other files than it did", now.Observed.Version)
	}
	moved = append(moved, movedFiles(t.Changes, now.Changes)...)
	moved = append(moved, movedKeys(t.Metadata, now.Metadata)...)
	if len(moved) > 0 {
		return moved
	}
	switch {
	case t.Source.Tree != now.Source.Tree: // another commit may hold the same
		add("the files here are not those of which the plan was made (tree %.7s, and now %.7s)", t.Source.Tree, now.Source.Tree)
	case !slices.Equal(t.Conflicts, now.Conflicts):
		add("other files are in conflict than were")
	case t.After != now.After:
		add("tree %.7s would be live after it, and not %.7s", now.After, t.After)
	}
	return moved
}

// movedFiles names the paths that would not be changed as they were to be.
func movedFiles(then, now []Change) (moved []string) {
	was, is := byPath(then), byPath(now)
	paths := maps.Clone(was)
	maps.Copy(paths, is)
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		a, planned := was[p]
		b, found := is[p]
		name := strconv.Quote(string(p))
		switch {
		case planned && found && a.Old == b.Old && a.New == b.New:
		case !planned:
			moved = append(moved, fmt.Sprintf("%s is not in the plan, and would be changed (%s)", name, b.Action))
		case !found:
			moved = append(moved, fmt.Sprintf("%s is not to be changed any more, or not by a push", name))
		case a.New != b.New:
			moved = append(moved, fmt.Sprintf("%s changed here: it is %s, and %s in the plan", name, short(b.New), short(a.New)))
		default:
			moved = append(moved, fmt.Sprintf("%s changed on the remote: it is %s, and %s in the plan", name, short(b.Old), short(a.Old)))
		}
	}
	return moved
}

func byPath(changes []Change) map[manifest.Path]Change {
	out := make(map[manifest.Path]Change, len(changes))
	for _, c := range changes {
		out[c.Path] = c
	}
	return out
}

// short is an id as people read it.
func short(id string) string {
	if id == "" {
		return "absent"
	}
	return id[:min(len(id), 7)]
}

// movedKeys names the keys of the metadata of which that is so. Values that
// look like credentials are compared as they are shown.
func movedKeys(then, now []MetadataChange) (moved []string) {
	was, is := map[string]MetadataChange{}, map[string]MetadataChange{}
	for _, c := range then {
		was[c.Key] = c
	}
	for _, c := range now {
		is[c.Key] = c
	}
	keys := maps.Clone(was)
	maps.Copy(keys, is)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		a, planned := was[key]
		b, found := is[key]
		if planned && found && a.Action == b.Action && sameJSON(a.New, b.New) {
			continue
		}
		moved = append(moved, fmt.Sprintf("metadata %s is not as it was for the plan", strconv.Quote(key)))
	}
	return moved
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y bytes.Buffer
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

// Done reports whether nothing is left to do of an approved plan: what it makes
// live is live, whatever the number of the version. live is the tree that was sent
// for what is live now.
func (t Target) Done(now Target, live string) bool {
	return t.Error == nil && !now.Writes() && len(now.Conflicts) <= len(t.Conflicts) &&
		(t.AssetID == now.AssetID || t.AssetID == "") && live == t.After && t.keysStand(now)
}

// keysStand reports whether no key that is published by the plan is anything but
// settled now.
func (t Target) keysStand(now Target) bool {
	return !slices.ContainsFunc(now.Metadata, func(c MetadataChange) bool {
		return !slices.ContainsFunc(t.Metadata, func(was MetadataChange) bool {
			return was.Key == c.Key && was.Action == c.Action && sameJSON(was.New, c.New)
		})
	})
}

// Reset names the keys of the config that say otherwise of a target than they
// did for an approved plan.
func (p Policy) Reset(now Policy) (keys []string) {
	was, is := members(p), members(now)
	for _, key := range slices.Sorted(maps.Keys(is)) {
		if !sameJSON(was[key], is[key]) {
			keys = append(keys, key)
		}
	}
	return keys
}

func members(p Policy) (m map[string]json.RawMessage) {
	p.Ignore, p.AllowSecrets = present(p.Ignore), present(p.AllowSecrets)
	text, err := json.Marshal(p)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil { // it is made of texts, numbers and lists of texts
		panic(err)
	}
	return m
}
