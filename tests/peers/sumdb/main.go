// An auditor's check that this project did not write: tiles, proofs and signed notes are judged by golang.org/x/mod/sumdb.
//
//	check LOG VKEY [OLD-CHECKPOINT]   every entry is in the signed tree, every tile is right, the old tree is its beginning
//	proof FILE VKEY                   an inclusion proof (tlog-proof) leads from its entry to its signed checkpoint
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type logDir struct{ root string }

func (l logDir) Height() int { return height }

func (l logDir) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func (l logDir) path(t tlog.Tile) string {
	// tile/8/0/x001/067.p/5 -> tile/0/x001/067.p/5
	return filepath.Join(l.root, "tile", strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", t.H)))
}

func (l logDir) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, t := range tiles {
		data, err := os.ReadFile(l.path(t))
		if os.IsNotExist(err) && t.W < 1<<height {
			full := t
			full.W = 1 << height
			if data, err = os.ReadFile(l.path(full)); err == nil {
				data = data[:t.W*tlog.HashSize]
			}
		}
		if err != nil {
			return nil, err
		}
		if len(data) != t.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes", t.Path(), len(data))
		}
		out = append(out, data)
	}
	return out, nil
}

func fail(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

func open(data []byte, vkey string) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		fail("key: %v", err)
	}
	n, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		fail("note: %v", err)
	}
	lines := strings.Split(n.Text, "\n")
	if lines[0] != verifier.Name() {
		fail("origin %q", lines[0])
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		fail("size: %v", err)
	}
	hash, err := tlog.ParseHash(lines[2])
	if err != nil {
		fail("root: %v", err)
	}
	return tlog.Tree{N: size, Hash: hash}
}

func entries(root string, size int64) [][]byte {
	var all [][]byte
	for n := int64(0); n*256 < size; n++ {
		width := size - n*256
		if width > 256 {
			width = 256
		}
		t := tlog.Tile{H: height, L: -1, N: n, W: int(width)}
		path := filepath.Join(root, "tile", strings.Replace(t.Path(), fmt.Sprintf("tile/%d/data", height), "entries", 1))
		data, err := os.ReadFile(path)
		if err != nil {
			fail("bundle: %v", err)
		}
		for i := int64(0); i < width; i++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				fail("bundle %d ends early", n)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			all = append(all, data[2:end])
			data = data[end:]
		}
		if len(data) > 0 {
			fail("bundle %d has %d bytes too many", n, len(data))
		}
	}
	return all
}

func check(root, vkey, old string) {
	data, err := os.ReadFile(filepath.Join(root, "checkpoint"))
	if err != nil {
		fail("%v", err)
	}
	tree := open(data, vkey)
	all := entries(root, tree.N)
	reader := tlog.TileHashReader(tree, logDir{root})
	// Every tile of the tree, against the signed root.
	for _, t := range tlog.NewTiles(height, 0, tree.N) {
		count := tree.N >> uint(height*t.L)
		if int64(t.N)*256+int64(t.W) != count && t.W != 256 {
			continue // a tile of an earlier, smaller tree
		}
		var indexes []int64
		for i := 0; i < t.W; i++ {
			indexes = append(indexes, tlog.StoredHashIndex(height*t.L, t.N*256+int64(i)))
		}
		hashes, err := reader.ReadHashes(indexes)
		if err != nil {
			fail("tile %s: %v", t.Path(), err)
		}
		if t.L == 0 {
			for i, hash := range hashes {
				if hash != tlog.RecordHash(all[t.N*256+int64(i)]) {
					fail("entry %d is not in the tree", t.N*256+int64(i))
				}
			}
		}
	}
	for _, i := range []int64{0, tree.N / 3, tree.N - 1} {
		proof, err := tlog.ProveRecord(tree.N, i, reader)
		if err != nil {
			fail("prove %d: %v", i, err)
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, i, tlog.RecordHash(all[i])); err != nil {
			fail("inclusion of %d: %v", i, err)
		}
	}
	if old != "" {
		data, err := os.ReadFile(old)
		if err != nil {
			fail("%v", err)
		}
		before := open(data, vkey)
		if before.N > tree.N {
			fail("the log had %d entries", before.N)
		}
		proof, err := tlog.ProveTree(tree.N, before.N, reader)
		if err != nil {
			fail("consistency: %v", err)
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash); err != nil {
			fail("consistency: %v", err)
		}
	}
	fmt.Printf("ok %d %s\n", tree.N, tree.Hash)
}

func proof(file, vkey string) {
	data, err := os.ReadFile(file)
	if err != nil {
		fail("%v", err)
	}
	cut := bytes.Index(data, []byte("\n\n"))
	lines := strings.Split(string(data[:cut]), "\n")
	tree := open(data[cut+2:], vkey)
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		fail("entry: %v", err)
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		fail("index: %v", err)
	}
	var path tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			fail("path: %v", err)
		}
		path = append(path, hash)
	}
	if err := tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
		fail("inclusion: %v", err)
	}
	fmt.Printf("ok %d of %d\n", index, tree.N)
}

func main() {
	args := append(os.Args[1:], "", "", "")
	switch args[0] {
	case "check":
		check(args[1], args[2], args[3])
	case "proof":
		proof(args[1], args[2])
	default:
		fail("check or proof")
	}
}
