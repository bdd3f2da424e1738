//go:build !linux && !darwin

package watcher

import "fmt"

func watchesWords(dir string) string {
	return fmt.Sprintf("the system has no space to watch %q", dir)
}

func descriptorsWords(err error) string {
	return fmt.Sprintf("all open files are taken: %v", err)
}

func instancesWords(err error) string { return descriptorsWords(err) }

// remoteKind is empty: events are tried on every file system.
func remoteKind(string) string { return "" }

func watchLimit() (int, string) { return 0, "" }
