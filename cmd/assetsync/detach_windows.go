package main

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// detached are the attributes of a process that ends neither with this one nor
// with its console: it has none, and a group of its own.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS, HideWindow: true}
}
