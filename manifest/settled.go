package manifest

import (
	"fmt"
	"io/fs"
	"time"
)

// Settled tells what the system tells of a regular file, in words of no meaning that are
// the same only while a scan with a [Cache] would not read the file again: any change
// of it makes them others. It is "" where that is not known: where the system does not
// tell enough, and for a file that had not been as it is for 2 seconds by now, which is
// a time of the file system that lies before info was taken.
func Settled(info fs.FileInfo, now time.Time) string {
	state := stateOf(info)
	if !info.Mode().IsRegular() || !NewCache(nil, "", now).isSettled(state) {
		return ""
	}
	return fmt.Sprintf("%d %d %d %d %d %o", state.size, state.modified, state.changed, state.inode, state.device, state.mode)
}
