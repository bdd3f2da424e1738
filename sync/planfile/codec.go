package planfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"assetsync/manifest"
)

// ErrTooLarge is a document of more than [MaxBytes].
var ErrTooLarge = fmt.Errorf("it has more than %d bytes", MaxBytes)

// ErrNotAPlan is a text that no version of the program has written as a plan.
var ErrNotAPlan = errors.New("it is no plan")

// FormatError is a plan in a format that is not known here.
type FormatError int

// Error implements error.
func (e FormatError) Error() string {
	return fmt.Sprintf("it has format %d, and this program knows format %d", int(e), Format)
}

// Encode writes a document. Its format is [Format], whatever it says, and lists
// that are absent are empty.
func Encode(d Document) ([]byte, error) {
	d.Format = Format
	d.complete()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		return nil, fmt.Errorf("write plan: %w", err)
	}
	if b.Len() > MaxBytes {
		return nil, fmt.Errorf("write plan: %w", ErrTooLarge)
	}
	return b.Bytes(), nil
}

// Read reads a document of bounded size; see [Parse] for its errors.
func Read(r io.Reader) (Document, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return Document{}, err
	}
	return Parse(data)
}

// Parse reads what [Encode] has written. An error is [ErrTooLarge], a
// [FormatError], or wraps [ErrNotAPlan].
func Parse(data []byte) (Document, error) {
	if len(data) > MaxBytes {
		return Document{}, ErrTooLarge
	}
	var head struct {
		Format *int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return Document{}, fmt.Errorf("%w: %v", ErrNotAPlan, err)
	}
	switch {
	case head.Format == nil:
		return Document{}, fmt.Errorf("%w: it names no format", ErrNotAPlan)
	case *head.Format != Format:
		return Document{}, FormatError(*head.Format)
	}
	var d Document
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return Document{}, fmt.Errorf("%w: %v", ErrNotAPlan, err)
	}
	if err := d.check(); err != nil {
		return Document{}, fmt.Errorf("%w: %v", ErrNotAPlan, err)
	}
	again, err := Encode(d)
	if err != nil {
		return Document{}, fmt.Errorf("%w: %v", ErrNotAPlan, err)
	}
	if !bytes.Equal(again, data) {
		return Document{}, fmt.Errorf("%w: it is not as a program writes it: somebody has changed it", ErrNotAPlan)
	}
	if err := d.compact(); err != nil {
		return Document{}, err
	}
	return d, nil
}

// compact takes the white space out of the values that are kept as they stand.
func (d *Document) compact() error {
	for _, t := range d.Targets {
		for i := range t.Metadata {
			for _, v := range []*json.RawMessage{&t.Metadata[i].Old, &t.Metadata[i].New} {
				var b bytes.Buffer
				if len(*v) == 0 {
					continue
				}
				if err := json.Compact(&b, *v); err != nil {
					return fmt.Errorf("%w: %v", ErrNotAPlan, err)
				}
				*v = b.Bytes()
			}
		}
	}
	return nil
}

// complete makes lists empty that are absent.
func (d *Document) complete() {
	d.Consent.DeletePaths = present(d.Consent.DeletePaths)
	d.Consent.SecretPaths = present(d.Consent.SecretPaths)
	d.Targets = append([]Target{}, d.Targets...)
	for i := range d.Targets {
		t := &d.Targets[i]
		t.Policy.Ignore, t.Policy.AllowSecrets = present(t.Policy.Ignore), present(t.Policy.AllowSecrets)
		t.Changes, t.Metadata, t.Pending = present(t.Changes), present(t.Metadata), present(t.Pending)
		t.Conflicts, t.Guards = present(t.Conflicts), present(t.Guards)
		t.Problems, t.Findings = present(t.Problems), present(t.Findings)
	}
}

func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// check reports what cannot be in a plan.
func (d Document) check() error {
	if err := checkID(d.Options.Rev, true); err != nil {
		return fmt.Errorf("revision: %w", err)
	}
	seen := map[string]bool{}
	for _, t := range d.Targets {
		if t.Target == "" || seen[t.Target] {
			return fmt.Errorf("target %q has no name, or stands in it twice", t.Target)
		}
		seen[t.Target] = true
		if err := t.check(); err != nil {
			return fmt.Errorf("target %q: %w", t.Target, err)
		}
		if t.Source.Version < 0 || (t.Source.Version > 0) != (d.Options.From != "") {
			return fmt.Errorf("target %q: version %d is of no environment", t.Target, t.Source.Version)
		}
	}
	return nil
}

func (t Target) check() error {
	if t.Observed.Version < 0 {
		return fmt.Errorf("there is no version %d", t.Observed.Version)
	}
	for _, id := range []string{t.Source.Tree, t.Observed.Tree, t.After} {
		if err := checkID(id, t.Error != nil); err != nil {
			return err
		}
	}
	paths := map[manifest.Path]bool{}
	for _, c := range t.Changes {
		if paths[c.Path] {
			return fmt.Errorf("%q stands in it twice", c.Path)
		}
		paths[c.Path] = true
	}
	for _, c := range append(append([]Change{}, t.Changes...), t.Pending...) {
		if err := c.check(); err != nil {
			return err
		}
	}
	return nil
}

func (c Change) check() error {
	if _, err := manifest.ParsePath(string(c.Path)); err != nil {
		return err
	}
	for _, id := range []string{c.Old, c.New} {
		if err := checkID(id, true); err != nil {
			return err
		}
	}
	want := "update"
	switch {
	case c.Old == "" && c.New == "":
		return fmt.Errorf("%q changes to nothing from nothing", c.Path)
	case c.Old == "":
		want = "create"
	case c.New == "":
		want = "delete"
	}
	if c.Action != want || c.Size < 0 {
		return fmt.Errorf("%q: %q is not what becomes of it", c.Path, c.Action)
	}
	return nil
}

// checkID asks for an id as git writes it, or for none.
func checkID(id string, orNone bool) error {
	if id == "" && orNone {
		return nil
	}
	parsed, err := manifest.ParseID(id)
	if err == nil && parsed.String() != id {
		err = fmt.Errorf("id %q is not in small letters", id)
	}
	return err
}
