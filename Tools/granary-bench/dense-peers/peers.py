#!/usr/bin/env python3
"""Scores rows from all over a large file of dense vectors as others do: a NumPy memory map, faiss on a
memory-mapped flat index, LanceDB (take by row number).

  pip install numpy faiss-cpu pylance
  peers.py DIR ROWS.txt --rows 5600000 --dimensions 384 --element float16 [--engines numpy,faiss,lance]

ROWS.txt is what `granary-bench dense --rows` writes: the numbers of a query's candidates on each line. Makes the
files of random vectors in DIR where they are not there. Prints the median and the 99th percentile of a query in
microseconds, cold (the file has left the page cache before every 40 queries) and warm, and kilobytes that the
device gave a query.
"""
import argparse
import glob
import mmap
import os
import time

import numpy as np

ELEMENTS = {"float32": np.float32, "float16": np.float16, "int8": np.int8}
ROUND = 40


def drop(path):
    files = glob.glob(path + "/**", recursive=True) if os.path.isdir(path) else [path]
    for name in files:
        if os.path.isfile(name):
            descriptor = os.open(name, os.O_RDWR)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def device_bytes():
    with open("/proc/self/io") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("read_bytes"))


def chunks(arguments):
    random = np.random.default_rng(1)
    for start in range(0, arguments.rows, 100_000):
        count = min(100_000, arguments.rows - start)
        if arguments.element == "int8":
            yield random.integers(-127, 128, (count, arguments.dimensions), dtype=np.int8)
        else:
            yield random.random((count, arguments.dimensions), dtype=np.float32).astype(ELEMENTS[arguments.element])


class NumPy:
    def __init__(self, arguments):
        self.path = os.path.join(arguments.directory, "rows." + arguments.element)
        self.shape = (arguments.rows, arguments.dimensions)
        self.type = ELEMENTS[arguments.element]
        if not os.path.exists(self.path):
            with open(self.path, "wb") as file:
                for chunk in chunks(arguments):
                    file.write(chunk.tobytes())

    def open(self):
        self.map = np.memmap(self.path, dtype=self.type, mode="r", shape=self.shape)
        # Without this the kernel reads megabytes around each row.
        self.map._mmap.madvise(mmap.MADV_RANDOM)

    def close(self):
        del self.map

    def score(self, rows, query):
        return self.map[rows].astype(np.float32) @ query


class Faiss:
    def __init__(self, arguments):
        import faiss

        self.faiss = faiss
        self.path = os.path.join(arguments.directory, "faiss." + arguments.element)
        if os.path.exists(self.path):
            return
        kinds = {"float16": faiss.ScalarQuantizer.QT_fp16, "int8": faiss.ScalarQuantizer.QT_8bit_direct_signed}
        if arguments.element == "float32":
            index = faiss.IndexFlatIP(arguments.dimensions)
        else:
            index = faiss.IndexScalarQuantizer(
                arguments.dimensions, kinds[arguments.element], faiss.METRIC_INNER_PRODUCT)
        index.is_trained = True
        for chunk in chunks(arguments):
            index.add(chunk.astype(np.float32))
        faiss.write_index(index, self.path)

    def open(self):
        self.index = self.faiss.read_index(self.path, self.faiss.IO_FLAG_MMAP_IFC)

    def close(self):
        del self.index

    def score(self, rows, query):
        if isinstance(self.index, self.faiss.IndexFlat):
            labels = rows[None, :]
            distances = np.empty((1, len(rows)), np.float32)
            self.index.compute_distance_subset(
                1, self.faiss.swig_ptr(query), len(rows), self.faiss.swig_ptr(distances),
                self.faiss.swig_ptr(labels))
            return distances
        return self.index.reconstruct_batch(rows) @ query


class Lance:
    def __init__(self, arguments):
        import lance
        import pyarrow

        self.lance = lance
        self.path = os.path.join(arguments.directory, "lance." + arguments.element)
        if os.path.exists(self.path):
            return
        value = pyarrow.from_numpy_dtype(ELEMENTS[arguments.element])
        schema = pyarrow.schema([("vector", pyarrow.list_(value, arguments.dimensions))])

        def batches():
            for chunk in chunks(arguments):
                flat = pyarrow.array(chunk.reshape(-1))
                lists = pyarrow.FixedSizeListArray.from_arrays(flat, arguments.dimensions)
                yield pyarrow.RecordBatch.from_arrays([lists], schema=schema)

        reader = pyarrow.RecordBatchReader.from_batches(schema, batches())
        lance.write_dataset(reader, self.path, max_rows_per_file=1 << 30)

    def open(self):
        self.data = self.lance.dataset(self.path)

    def close(self):
        del self.data

    def score(self, rows, query):
        column = self.data.take(rows, columns=["vector"]).column("vector").combine_chunks()
        values = column.values.to_numpy(zero_copy_only=False).reshape(len(rows), -1)
        return values.astype(np.float32) @ query


def measure(name, engine, queries, query, cold):
    times, before = [], device_bytes()
    for start in range(0, len(queries), ROUND):
        if cold:
            drop(engine.path)
        engine.open()
        for rows in queries[start : start + ROUND]:
            begin = time.perf_counter()
            engine.score(rows, query)
            times.append((time.perf_counter() - begin) * 1e6)
        engine.close()
    times.sort()
    kilobytes = (device_bytes() - before) // 1024 // len(times)
    print(f"{name:8} {len(queries[0]):5} rows  {'cold' if cold else 'warm'}  p50 {times[len(times) // 2]:10.1f}"
          f"  p99 {times[len(times) * 99 // 100]:10.1f} us  {kilobytes} KB a query", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("numbers")
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--dimensions", type=int, required=True)
    parser.add_argument("--element", choices=ELEMENTS, required=True)
    parser.add_argument("--engines", default="numpy,faiss,lance")
    arguments = parser.parse_args()
    os.makedirs(arguments.directory, exist_ok=True)
    with open(arguments.numbers) as file:
        queries = [np.sort(np.array(line.split(), dtype=np.int64)) for line in file]
    query = np.random.default_rng(2).random(arguments.dimensions, dtype=np.float32)
    engines = {"numpy": NumPy, "faiss": Faiss, "lance": Lance}
    for name in arguments.engines.split(","):
        engine = engines[name](arguments)
        for count in sorted({len(rows) for rows in queries}):
            some = [rows for rows in queries if len(rows) == count]
            measure(name, engine, some, query, cold=True)
            engine.open()
            for rows in some:
                engine.score(rows, query)
            engine.close()
            measure(name, engine, some, query, cold=False)


if __name__ == "__main__":
    main()
