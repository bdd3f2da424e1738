// Package remotetest checks that something speaks the wire of the asset
// service as it is stated or has been observed.
//
// Each [Check] quotes what it checks. The checks go through [remote.Client],
// make scratch assets under names of their own, delete them afterwards, and
// touch nothing else, so that they can run against a real agent space. They
// accept every reading of what nobody knows.
package remotetest
