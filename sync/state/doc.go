// Package state holds what must survive a crash.
//
// # Format 2
//
// A state is one bbolt file. Its buckets are
//
//	meta       "format" -> "2"
//	targets    space NUL target name -> Target as JSON
//	assets     space NUL asset id    -> Asset as JSON
//	endpoints  endpoint NUL region   -> Endpoint as JSON
//	files      directory or file     -> what manifest.Cache keeps of it, what identifies
//	                                    the asset, and what lint knows; a cache
//
// where space is endpoint NUL region NUL agent space id. A file of another
// format is refused, and so are the answers of a probe, in Endpoint, of another
// format of their own. Everything that one run learns is written in one
// transaction, which bbolt makes durable before [DB.Update] returns.
//
// Behind the JSON of an Asset may be a NUL byte and two tables, each a count and as
// many rows: of its base the paths of which both sides are alike, as length, path,
// id and size, and of what was seen the same with version, updated_at and read_at,
// as seconds and nanoseconds. Numbers are varints of encoding/binary, counts and
// lengths unsigned ones. A record without tables has all paths in its JSON, as all
// have in format 1: a file of that is read, and is one of format 2 from the first
// record of an asset on that is written.
//
// Members may be added to a record within a format as long as a program may lose
// them: one that does not know a member drops it when it writes the record.
// The intents of check outs are such: without them a cut short check out is
// planned anew from the base.
package state
