package sync

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"assetsync/diff"
)

// metadataPlan is what to do about the owned keys.
type metadataPlan struct {
	publish map[string]any // keys to send
	settled map[string]any // keys on which both sides agree
	changes []MetadataChange
}

func (p metadataPlan) conflicts() bool {
	return slices.ContainsFunc(p.changes, func(c MetadataChange) bool { return c.Action == "conflict" })
}

// asPulled is what a check out does of it: metadata has no place in a directory,
// but what both sides agree on is settled.
func (p metadataPlan) asPulled() metadataPlan { return metadataPlan{settled: p.settled} }

// planMetadata compares the owned keys three-way: base is what both sides had
// when they were last settled, and lacks keys that never were. derived keys
// follow from the content and have no base. A value that was changed in the
// web app and not here is never undone.
func planMetadata(base map[string]json.RawMessage, local, derived, remote map[string]any, prefer diff.Prefer) metadataPlan {
	p := metadataPlan{publish: map[string]any{}, settled: map[string]any{}}
	for _, key := range slices.Sorted(maps.Keys(local)) {
		want := local[key]
		got, held := remote[key]
		if held && sameValue(want, got) {
			p.settled[key] = want
			continue
		}
		baseText, known := base[key]
		localChanged := !known || !sameValue(decodeBase(baseText), want)
		remoteChanged := held && (!known || !sameValue(decodeBase(baseText), got))
		c := MetadataChange{Key: key, Old: got, New: want}
		switch {
		case !remoteChanged && localChanged, !held:
			c.Action, c.Why = "publish", "changed here"
		case !localChanged:
			c.Action, c.Why = "pending", "changed there"
		case prefer == diff.Local:
			c.Action, c.Why = "publish", "changed on both sides; the local side is preferred"
		case prefer == diff.Remote:
			c.Action, c.Why = "pending", "changed on both sides; the remote side is preferred"
		default:
			c.Action, c.Why = "conflict", "changed on both sides"
		}
		if c.Action == "publish" {
			p.publish[key] = want
		}
		p.changes = append(p.changes, c)
	}
	for _, key := range slices.Sorted(maps.Keys(derived)) {
		if got, held := remote[key]; !held || !sameValue(derived[key], got) {
			p.publish[key] = derived[key]
			p.changes = append(p.changes, MetadataChange{Key: key, Old: got, New: derived[key], Action: "publish", Why: "follows from the file"})
		}
	}
	return p
}

func decodeBase(text json.RawMessage) any {
	v, err := decodeValue(text)
	if err != nil {
		return nil // no value equals nil: the key counts as changed
	}
	return v
}

func decodeValue(text []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return v, dec.Decode(&v)
}

// sameValue compares two metadata values as JSON. A list is a set: each list
// that the service knows (agent types, tools, skills) is one.
func sameValue(a, b any) bool {
	x, okX := canonical(a)
	y, okY := canonical(b)
	return okX && okY && slices.Equal(x, y)
}

// canonical returns the JSON of each element of a list in order, or of the
// value alone, with a mark that tells the two apart.
func canonical(v any) ([]string, bool) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, false
	}
	plain, err := decodeValue(text)
	if err != nil {
		return nil, false
	}
	list, isList := plain.([]any)
	if !isList {
		return []string{string(text)}, plain != nil
	}
	out := make([]string, 0, len(list)+1)
	for _, item := range list {
		text, err := json.Marshal(item)
		if err != nil {
			return nil, false
		}
		out = append(out, string(text))
	}
	slices.Sort(out)
	return append(slices.Compact(out), "list"), true
}

// encodeBase turns values into what a record keeps.
func encodeBase(values map[string]any) (map[string]json.RawMessage, error) {
	out := make(map[string]json.RawMessage, len(values))
	for k, v := range values {
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		out[k] = text
	}
	return out, nil
}
