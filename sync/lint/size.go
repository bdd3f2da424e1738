package lint

import (
	"fmt"

	"assetsync/manifest"
	"assetsync/remote/assettype"
)

const (
	ruleZipSize = "zip-size"
	ruleZipNear = "zip-size-near"

	// nearZipBytes is the smaller reading of the guide's 6 MB.
	nearZipBytes = 6_000_000
)

// Size is how large an asset is.
type Size struct {
	Files    int   `json:"files"`
	Bytes    int64 `json:"bytes"`     // of all files
	ZipBytes int64 `json:"zip_bytes"` // of their zip; 0 for a type that takes none
}

// Measure packs an asset to see how large it is.
func Measure(t assettype.Type, files manifest.Bundle) (Size, error) {
	s := Size{Files: files.Tree().Len()}
	for e := range files.Tree().All() {
		s.Bytes += e.Size
	}
	if !t.Zip {
		return s, nil
	}
	var err error
	s.ZipBytes, err = manifest.ZipSize(files)
	return s, err
}

// CheckSize reports on a zip that is larger than limit, in bytes, or nearly.
func CheckSize(s Size, limit int64) []Finding {
	what := fmt.Sprintf("the files have %d bytes, and %d as a zip", s.Bytes, s.ZipBytes)
	switch {
	case s.ZipBytes > limit:
		return []Finding{newFinding(ruleZipSize, fmt.Sprintf("%s, over %d", what, limit))}
	case s.ZipBytes > nearZipBytes:
		return []Finding{newFinding(ruleZipNear, fmt.Sprintf("%s; the guide says 6 MB, which may mean %d", what, nearZipBytes))}
	}
	return nil
}
