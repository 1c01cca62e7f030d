"""The reference of durable writes: what this filesystem allows, without HTTP and records.

As a script: loop.py FOLDER SECONDS THREADS NAMES

Each thread creates a file, writes 4 KiB, syncs it, renames it to its final name, and syncs the
directory: the steps of a PUT that survives a power loss. NAMES of 0 gives each file a new name; any
other number replaces as many files in turns. Threads of Python suffice, because each of these calls
releases the interpreter lock while it waits for the disk. It prints the number of files, the
seconds, and the seconds of processor time, in which the interpreter is included.
"""

import os
import sys
import threading
import time

SIZE = 4 << 10


def main(folder, seconds, threads, names):
    written = [0] * threads
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    started = time.perf_counter()
    deadline = started + seconds

    def work(number):
        body = os.urandom(SIZE)
        while time.perf_counter() < deadline:
            name = written[number] % names if names else written[number]
            write(directory, f"{number}-{name}", body)
            written[number] += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(sum(written), time.perf_counter() - started, time.process_time())


def write(directory, name, body):
    temporary = f".{name}.part"
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=directory)
    try:
        os.write(file, body)
        os.fsync(file)
    finally:
        os.close(file)
    os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    os.fsync(directory)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
