package manifest

import (
	"strings"

	"pgregory.net/rapid"
)

// pathGen draws paths whose names sort around the slash, git's trap.
func pathGen() *rapid.Generator[Path] {
	name := rapid.SampledFrom([]string{"a", "b", "a-b", "a.b", "a0", "a b", "A", "\u00fc", "SKILL.md", "..a"})
	return rapid.Custom(func(t *rapid.T) Path {
		return Path(strings.Join(rapid.SliceOfN(name, 1, 4).Draw(t, "segments"), "/"))
	})
}

// bundleGen draws bundles; a path that is a file and a directory is left out.
func bundleGen() *rapid.Generator[Bundle] {
	return rapid.Custom(func(t *rapid.T) Bundle {
		files := make(map[Path][]byte)
		for _, p := range rapid.SliceOfN(pathGen(), 0, 12).Draw(t, "paths") {
			content := strings.Repeat(rapid.StringN(0, 8, -1).Draw(t, "content"), rapid.IntRange(0, 50).Draw(t, "times"))
			files[p] = []byte(content)
			if _, err := NewBundle(files); err != nil {
				delete(files, p)
			}
		}
		b, err := NewBundle(files)
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
}
