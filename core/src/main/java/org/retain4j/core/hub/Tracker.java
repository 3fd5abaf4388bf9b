package org.retain4j.core.hub;

import java.util.HashMap;
import java.util.Map;

/** Adds up the progress of all files of a download and tells the listener; for all threads. */
final class Tracker {

    private static final long STEP = 256 << 10;

    private final DownloadListener listener;
    private final Map<String, Long> done = new HashMap<>();
    private final Map<String, Long> told = new HashMap<>();
    private final long size;
    private long sum;

    Tracker(DownloadListener listener, long size) {
        this.listener = listener;
        this.size = size;
    }

    /** Notes how much of a file is on disk; told on when it is enough news or the end. */
    synchronized void at(String file, long fileDone, long fileSize, boolean complete) {
        Long before = done.put(file, fileDone);
        sum += fileDone - (before == null ? 0 : before);
        Long last = told.get(file);
        if (complete || last == null || Math.abs(fileDone - last) >= STEP) {
            told.put(file, fileDone);
            listener.progress(
                    new DownloadListener.Progress(
                            file, fileDone, complete ? fileDone : fileSize, sum, size));
        }
    }
}
