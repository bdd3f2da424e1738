package remote

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits is what the service takes, by edition of its model. It is a value;
// make one by [Edition20260608] or [Edition20260617].
type Limits struct {
	Edition string // the model's date

	SpaceIDChars   int    // agentSpaceId: [a-zA-Z0-9-]
	AssetIDChars   int    // assetId: [a-zA-Z0-9_.-]
	AssetTypeChars int    // assetType: any characters
	PathChars      int    // path: [a-zA-Z0-9_./-] and PathAlso
	PathAlso       string // further characters of a path
	TextChars      int    // text of a file, in characters
	FileBytes      int    // bytes of a file, before base64
	ZipBytes       int    // bytes of a zip, before base64
	TokenChars     int    // clientToken
	NextTokenChars int    // nextToken
	PageSize       int    // maxResults
}

// Edition20260608 returns the limits of the first edition: what is sent
// keeps to them.
func Edition20260608() Limits {
	return Limits{
		Edition:        "2026-06-08",
		SpaceIDChars:   64,        // model: AgentSpaceId
		AssetIDChars:   128,       // model: ResourceId
		AssetTypeChars: 64,        // model: AssetType
		PathChars:      512,       // model: AssetFilePath
		TextChars:      1_572_864, // model: AssetFileText
		FileBytes:      6_291_456, // model: AssetFileBytes
		ZipBytes:       6_291_456, // model: AssetZipBytes
		TokenChars:     64,        // observed: the live service refuses more; the model says 128
		NextTokenChars: 2048,      // model: NextToken
		PageSize:       100,       // model: maxResults
	}
}

// Edition20260617 returns the limits of the next edition, which has wider
// paths: what is read, or names what exists, may use them.
func Edition20260617() Limits {
	limits := Edition20260608()
	limits.Edition = "2026-06-17"
	limits.PathAlso = " ()" // model: AssetFilePath
	return limits
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	alnum  = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + "0123456789"
	inPath = alnum + "_./-"
)

// CheckPath checks the path of a file. Beyond the pattern and the length it
// refuses an empty, "." or ".." segment and a leading slash: signers squeeze
// them, so that one path would be signed and another one sent. The error
// names the path and what is wrong with it.
func (l Limits) CheckPath(path string) error {
	if err := checkChars("path", path, inPath+l.PathAlso, l.PathChars); err != nil {
		return err
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return fmt.Errorf(`path %q has an empty, "." or ".." segment`, path)
		}
	}
	return nil
}

// CheckSpaceID checks an agent space id.
func (l Limits) CheckSpaceID(id string) error {
	return checkChars("agent space id", id, alnum+"-", l.SpaceIDChars)
}

// CheckAssetID checks an asset id. "." and ".." are refused as in CheckPath.
func (l Limits) CheckAssetID(id string) error {
	if id == "." || id == ".." {
		return fmt.Errorf("asset id %q is no id", id)
	}
	return checkChars("asset id", id, alnum+"_.-", l.AssetIDChars)
}

// CheckAssetType checks the length of an asset type; the service's list of
// types is open.
func (l Limits) CheckAssetType(name string) error {
	return checkLength("asset type", name, l.AssetTypeChars)
}

// CheckToken checks a client token.
func (l Limits) CheckToken(token string) error {
	return checkLength("client token", token, l.TokenChars)
}

// CheckNextToken checks a page token.
func (l Limits) CheckNextToken(token string) error {
	return checkLength("next token", token, l.NextTokenChars)
}

// CheckPageSize checks the number of items to ask for.
func (l Limits) CheckPageSize(n int32) error {
	if n < 1 || int(n) > l.PageSize {
		return fmt.Errorf("page size %d is outside 1 to %d", n, l.PageSize)
	}
	return nil
}

// CheckVersion checks a version to ask for: the first is 1.
func (l Limits) CheckVersion(n int32) error {
	if n < 1 {
		return fmt.Errorf("asset version %d is below 1", n)
	}
	return nil
}

// CheckZip checks the size of a zip in bytes.
func (l Limits) CheckZip(size int) error { return checkSize("zip", size, l.ZipBytes) }

// CheckBody checks the content of a file: its size, and that text can be
// sent as text.
func (l Limits) CheckBody(body AssetFileBody) error {
	switch b := body.(type) {
	case *AssetFileBodyMemberText:
		if !utf8.ValidString(b.Value) {
			return fmt.Errorf("text is not valid UTF-8")
		}
		if n := utf8.RuneCountInString(b.Value); n > l.TextChars {
			return fmt.Errorf("text of %d characters is over %d", n, l.TextChars)
		}
		return nil
	case *AssetFileBodyMemberBytes:
		return checkSize("file", len(b.Value), l.FileBytes)
	}
	return fmt.Errorf("content is neither text nor bytes")
}

// SuggestPath returns a path like this one that CheckPath takes, as a hint
// for people: letters lose their combining marks, other characters become
// hyphens, but not at the start of a name. Letters with marks have to come decomposed
// (NFD). It is empty when none can be made.
func (l Limits) SuggestPath(path string) string {
	allowed := inPath + l.PathAlso
	var segments []string
	for segment := range strings.SplitSeq(path, "/") {
		clean := strings.Map(func(r rune) rune {
			switch {
			case strings.ContainsRune(allowed, r):
				return r
			case unicode.Is(unicode.Mn, r):
				return -1
			}
			return '-'
		}, segment)
		// A leading hyphen would look like a flag.
		clean = strings.TrimLeft(clean, "-")
		if strings.HasPrefix(clean, ".") && !strings.HasPrefix(segment, ".") {
			clean = "file" + clean // nothing but the extension is left
		}
		if clean != "" && clean != "." && clean != ".." {
			segments = append(segments, clean)
		}
	}
	suggestion := strings.Join(segments, "/")
	if l.CheckPath(suggestion) != nil {
		return ""
	}
	return suggestion
}

func checkChars(what, s, allowed string, limit int) error {
	outside := func(r rune) bool { return !strings.ContainsRune(allowed, r) }
	if i := strings.IndexFunc(s, outside); i >= 0 {
		r, _ := utf8.DecodeRuneInString(s[i:])
		return fmt.Errorf("%s %q contains %q, which the service does not take", what, sanitise(s, limit), r)
	}
	return checkLength(what, s, limit)
}

func checkLength(what, s string, limit int) error {
	if n := utf8.RuneCountInString(s); n < 1 || n > limit {
		return fmt.Errorf("%s of %d characters is outside 1 to %d", what, n, limit)
	}
	return nil
}

func checkSize(what string, size, limit int) error {
	if size > limit {
		return fmt.Errorf("%s of %d bytes is over %d", what, size, limit)
	}
	return nil
}
