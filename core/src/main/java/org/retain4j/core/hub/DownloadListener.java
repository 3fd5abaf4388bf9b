package org.retain4j.core.hub;

/**
 * Hears how far a download has come.
 *
 * <p>Calls of one download come from several threads but never two at once. An exception thrown
 * here ends the download.
 */
@FunctionalInterface
public interface DownloadListener {

    /** A listener that does nothing. */
    DownloadListener NONE = progress -> {};

    /**
     * State of a download; sizes are in bytes, or -1 where the server did not tell.
     *
     * @param file path in the repository of the file that made progress
     * @param fileDone bytes of that file on disk; falls when the file has to be started over
     * @param fileSize size of that file
     * @param done bytes on disk of all files of this download, including those cached before
     * @param size size of all files of this download
     */
    record Progress(String file, long fileDone, long fileSize, long done, long size) {}

    /** Takes note of progress; once for each file that is complete, and in between. */
    void progress(Progress progress);
}
