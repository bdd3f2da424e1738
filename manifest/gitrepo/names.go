package gitrepo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"assetsync/manifest"
)

// The refs of a target.
const (
	versionsRef = "versions"
	keptRef     = "kept"
)

// maxSegment keeps a segment of a ref below the 255 bytes that file systems
// allow for a name.
const maxSegment = 200

// VersionsRef returns the full name of the ref that leads to the versions.
func (k Key) VersionsRef() string { return k.ref(versionsRef).String() }

// KeptRef returns the full name of the ref that leads to the bytes that were
// kept.
func (k Key) KeptRef() string { return k.ref(keptRef).String() }

// ref returns the name of one of the key's refs.
func (k Key) ref(last string) plumbing.ReferenceName {
	return plumbing.ReferenceName("refs/assetsync/" + escape(k.Env) + "/" + escape(k.Target) + "/" + last)
}

// escape makes any name one segment of a ref, as the package comment says,
// and different segments of different names. A long one ends in a digest.
func escape(name string) string {
	switch name {
	case "":
		return "-"
	case "-":
		return "%2d"
	}
	var b strings.Builder
	for i := range len(name) {
		if plain(name, i) {
			b.WriteByte(name[i])
		} else {
			fmt.Fprintf(&b, "%%%02x", name[i])
		}
	}
	out := b.String()
	if len(out) > maxSegment {
		// No short name has this form: it would have its % escaped.
		out = out[:maxSegment] + "%" + manifest.BlobID([]byte(name)).String()
	}
	return out
}

// plain reports whether byte i of name may stand in a ref as it is. A dot
// may not stand at an end, beside another, or before "lock" (see
// git-check-ref-format(1)).
func plain(name string, i int) bool {
	switch c := name[i]; {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		return true
	case c == '.':
		return i > 0 && i < len(name)-1 && name[i-1] != '.' && !strings.EqualFold(name[i:], ".lock")
	}
	return false
}

// The trailers of a commit.
const (
	assetTrailer   = "Assetsync-Asset"
	versionTrailer = "Assetsync-Version"
	foreignTrailer = "Assetsync-Foreign"

	metadataTrailer = "Assetsync-Metadata" // a JSON object on one line
)

// maxMetadata bounds the metadata that a commit carries, in bytes: it is read
// with every look at the history.
const maxMetadata = 64 << 10

func versionMessage(v Version) string {
	message := clean(v.Message)
	if message == "" {
		message = fmt.Sprintf("version %d", v.Number)
	}
	message += fmt.Sprintf("\n\n%s: %d\n", versionTrailer, v.Number)
	if v.Asset != "" {
		message += assetTrailer + ": " + v.Asset + "\n"
	}
	if v.Foreign {
		message += foreignTrailer + ": true\n"
	}
	var line bytes.Buffer
	if json.Compact(&line, v.Metadata) == nil && isMetadata(line.Bytes()) {
		message += metadataTrailer + ": " + line.String() + "\n"
	}
	return message
}

// isMetadata reports whether data is metadata that a commit can carry: a JSON
// object on one line.
func isMetadata(data []byte) bool {
	return len(data) <= maxMetadata && bytes.HasPrefix(data, []byte("{")) && json.Valid(data) &&
		utf8.Valid(data) && !bytes.ContainsFunc(data, unicode.IsControl)
}

func keptMessage(k Kept) string {
	message := "keep " + string(k.Path)
	if why := clean(k.Why); why != "" {
		message += "\n\n" + why
	}
	return message + "\n"
}

// clean makes text fit for a commit.
func clean(message string) string {
	return strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(message, "\uFFFD"), "\x00", "\uFFFD"))
}

// parseVersion reads a commit of a versions ref. Only the last paragraph
// counts, which is ours whatever the message says.
func parseVersion(c *object.Commit) (Record, error) {
	r := Record{TreeID: manifest.ID(c.TreeHash), CommitID: manifest.ID(c.Hash), At: c.Committer.When.UTC()}
	message := strings.TrimRight(c.Message, "\n")
	for line := range strings.Lines(message[strings.LastIndex(message, "\n\n")+1:]) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case versionTrailer:
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 {
				return Record{}, fmt.Errorf("trailer %s: %q is no version", versionTrailer, value)
			}
			r.Number = n
		case assetTrailer:
			r.Asset = value
		case foreignTrailer:
			r.Foreign = value == "true"
		case metadataTrailer:
			if isMetadata([]byte(value)) { // else it is not known
				r.Metadata = json.RawMessage(value)
			}
		}
	}
	if r.Number == 0 {
		return Record{}, errors.New("it has no trailer " + versionTrailer)
	}
	return r, nil
}
